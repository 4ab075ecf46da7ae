//! Writing weight files: trained models, fixtures of tests, and requantised weights.
//!
//! A file is complete when it appears under its name: it is written under a temporary name, synced, and renamed.

mod gguf;
mod safetensors;

pub use gguf::GgufWriter;
pub use safetensors::write_safetensors;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Replaces the file at `path` by what `write` writes, atomically: a reader, or a crash, finds the old file or the complete new one.
///
/// # Errors
/// [`Error::Io`]; the file at `path` is then unchanged.
pub fn write_atomic(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let temporary = temporary_path(path);
    let written = fill(&temporary, write).and_then(|()| fs::rename(&temporary, path));
    if let Err(source) = written {
        // The first error is reported. Removing fails too where the temporary file could not be created.
        let _ = fs::remove_file(&temporary);
        return Err(Error::io(path, source));
    }
    sync_folder(path).map_err(|source| Error::io(path, source))
}

fn fill(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, OpenOptions::new().write(true).create_new(true).open(path)?);
    write(&mut file)?;
    file.into_inner()?.sync_all()
}

/// A name in the same folder that no other process uses.
fn temporary_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// Syncs the folder of `path`, so that a rename in it survives a crash. Only Unix can open folders for that.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::write_atomic;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomic(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write_atomic(&path, |file| {
            file.write_all(b"new")?;
            Err(std::io::Error::other("disk full"))
        });
        assert!(failed.unwrap_err().to_string().contains("disk full"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        write_atomic(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }
}
