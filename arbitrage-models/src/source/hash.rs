//! Digests of files.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::Progress;
use crate::error::{Error, Result};
use crate::small_file;

/// SHA-256 of the file at `path`, hexadecimal.
pub(super) fn sha256(path: &Path, progress: &mut dyn Progress) -> Result<String> {
    let failed = |error| Error::io(path, error);
    small_file::regular(path)?;
    let mut file = File::open(path).map_err(failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    progress.start(&format!("checking {name}"), file.metadata().ok().map(|data| data.len()));
    let digest = read_through(&mut file, progress).map_err(failed);
    progress.finish();
    digest
}

fn read_through(file: &mut File, progress: &mut dyn Progress) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => {
                hasher.update(&buffer[..read]);
                progress.advance(read as u64);
            }
        }
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
    }
    Ok(text)
}
