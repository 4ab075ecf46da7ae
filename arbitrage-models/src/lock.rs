//! Locks between processes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::error::{Error, Result};

/// A locked file, with the holder's process id in it. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at `path`. Where it is held, `held` hears by whom, and waits for the file's lock or gives an error.
    ///
    /// # Errors
    /// What `held` gives; [`Error::Io`].
    pub fn take(path: &Path, held: impl FnOnce(&File, String) -> Result<()>) -> Result<Self> {
        let failed = |error| Error::io(path, error);
        let mut file =
            OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => held(&file, holder(path))?,
            // Some network file systems know no locks. What is done there is right as long as it is done once.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn holder(path: &Path) -> String {
    let id = std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u32>().ok());
    id.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"))
}
