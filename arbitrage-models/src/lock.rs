//! Locks between processes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::error::{Error, Result};
use crate::small_file::read_text;

/// A locked file that contains the process id of its holder. The system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock at `path`. If another process holds it, `on_conflict` is called with the file and that process's name, and either
    /// waits for the file's lock or gives an error.
    ///
    /// # Errors
    /// Those of `on_conflict`; [`Error::Io`].
    pub(crate) fn acquire(path: &Path, on_conflict: impl FnOnce(&File, String) -> Result<()>) -> Result<Self> {
        let failed = |error| Error::io(path, error);
        let mut file =
            OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => on_conflict(&file, holder(path))?,
            // Some network file systems have no locks. The work is then done without: right, unless two processes do it at once.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn holder(path: &Path) -> String {
    let id = read_text(path, 64).ok().and_then(|text| text.trim().parse::<u32>().ok());
    id.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"))
}
