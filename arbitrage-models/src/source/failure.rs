//! Why a source did not give a file.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::Error;

/// Why a source did not give a file.
#[derive(Debug)]
pub(super) enum Failure {
    /// The source cannot be reached or has something else; another may do better.
    Refused(String),
    /// This machine is at fault, and no other source would help.
    Local(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Local(error)
    }
}

/// A refusal in words.
pub(super) fn refused<T>(reason: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Refused(reason.into()))
}

/// Wraps a failed write; tells how many bytes are still `needed` where the disk is full.
pub(super) fn write_error(path: &Path, error: io::Error, needed: u64) -> Error {
    let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    let told = |error: io::Error| io::Error::new(error.kind(), format!("{error}; {needed} more bytes are needed"));
    Error::io(path, if full { told(error) } else { error })
}

#[cfg(test)]
mod tests {
    use super::write_error;
    use std::io::{Error, ErrorKind};
    use std::path::Path;

    #[test]
    fn a_full_disk_tells_the_bytes_needed() {
        let told = |kind: ErrorKind| write_error(Path::new("model"), Error::from(kind), 4096).to_string();
        assert!(told(ErrorKind::StorageFull).contains("4096 more bytes"));
        assert!(!told(ErrorKind::PermissionDenied).contains("4096"));
    }
}
