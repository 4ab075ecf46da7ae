//! One pull of a model at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use super::Progress;
use crate::error::{Error, Result};

/// Held while a model is pulled; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at `path`. Waits for a process that has it, and tells which.
    pub fn take(path: &Path, name: &str, progress: &mut dyn Progress) -> Result<Self> {
        let failed = |error| Error::io(path, error);
        let mut file =
            OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress.start(&format!("waiting for {}, which gets {name}", holder(path)), None);
                let waited = file.lock();
                progress.finish();
                waited.map_err(failed)?;
            }
            // Some network file systems know no locks. Pulling there is still right, two pulls only waste work.
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
