//! One training at a time on one checkpoint.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::error::{Error, Result};

/// Held while a model is trained; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock beside the checkpoint at `path`.
    ///
    /// # Errors
    /// [`Error::Format`], naming the holder, where another training has it; [`Error::Io`].
    pub fn take(path: &Path) -> Result<Self> {
        let path = &path.with_extension("lock");
        let failed = |error| Error::io(path, error);
        let mut file =
            OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::format(path, "lock", "no other training of this model", holder(path)));
            }
            // Some network file systems know no locks. Training there is still right, as long as it is done once.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn holder(path: &Path) -> String {
    let id = std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u32>().ok());
    id.map_or_else(|| "one of another process".to_owned(), |id| format!("one of process {id}"))
}
