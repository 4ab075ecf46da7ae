//! Why a source did not give a file.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::Error;

/// Why a source did not give a file.
#[derive(Debug)]
pub(super) enum SourceFailure {
    /// The source cannot be reached or does not have the file; another may.
    Unavailable(String),
    /// This machine is at fault, so no other source would help.
    Local(Error),
}

impl From<Error> for SourceFailure {
    fn from(error: Error) -> Self {
        Self::Local(error)
    }
}

/// The failure of a source that cannot be reached or does not have the file.
pub(super) fn unavailable<T>(reason: impl Into<String>) -> Result<T, SourceFailure> {
    Err(SourceFailure::Unavailable(reason.into()))
}

/// Wraps a failed write; says how many more bytes are `needed` if the disk is full.
pub(super) fn write_error(path: &Path, error: io::Error, needed: u64) -> Error {
    let is_full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    let with_need = |error: io::Error| io::Error::new(error.kind(), format!("{error}; {needed} more bytes are needed"));
    Error::io(path, if is_full { with_need(error) } else { error })
}

#[cfg(test)]
mod tests {
    use super::write_error;
    use std::io::{Error, ErrorKind};
    use std::path::Path;

    #[test]
    fn a_full_disk_error_says_how_many_bytes_are_needed() {
        let message = |kind: ErrorKind| write_error(Path::new("model"), Error::from(kind), 4096).to_string();
        assert!(message(ErrorKind::StorageFull).contains("4096 more bytes"));
        assert!(!message(ErrorKind::PermissionDenied).contains("4096"));
    }
}
