//! The memory of a file's digest, so that a start does not read a gigabyte again.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::Progress;
use super::hash::sha256;
use crate::error::{Error, Result};

/// A file's digest, and what the file looked like when it was taken.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Seal {
    bytes: u64,
    modified: Duration,
    sha256: String,
}

/// Where the seal of a file in the cache is kept.
pub(super) fn beside(file: &Path) -> PathBuf {
    file.with_added_extension("ok")
}

impl Seal {
    /// The seal at `path`. One that is missing or damaged only costs another look at the file.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// The digest, unless `file` has changed since.
    pub fn digest_of(self, file: &Path) -> Option<String> {
        let data = fs::metadata(file).ok()?;
        (data.is_file() && data.len() == self.bytes && modified(&data) == self.modified).then_some(self.sha256)
    }

    /// Remembers the digest of `file` at `path`.
    pub fn write(path: &Path, file: &Path, sha256: &str) -> io::Result<()> {
        let data = fs::metadata(file)?;
        let seal = Self { bytes: data.len(), modified: modified(&data), sha256: sha256.to_owned() };
        let aside = path.with_added_extension("tmp");
        fs::write(&aside, serde_json::to_vec(&seal)?)?;
        fs::rename(&aside, path)
    }
}

fn modified(data: &Metadata) -> Duration {
    data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default()
}

/// Checks that `file` has the digest `expected`, or the one in its seal where none is known; reads it only when it changed
/// since it was sealed.
///
/// # Errors
/// [`Error::Digest`] when it has another; [`Error::Io`] when it cannot be read.
pub(super) fn check(file: &Path, seal: &Path, expected: Option<&str>, progress: &mut dyn Progress) -> Result<()> {
    let sealed = Seal::read(seal);
    let expected = expected.map(str::to_owned).or_else(|| sealed.as_ref().map(|seal| seal.sha256.clone()));
    let fits = |found: &String| expected.as_ref().is_none_or(|expected| expected == found);
    if sealed.and_then(|seal| seal.digest_of(file)).is_some_and(|found| fits(&found)) {
        return Ok(());
    }
    let found = sha256(file, progress)?;
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(Error::Digest { path: file.to_owned(), expected, found });
    }
    // A cache that cannot be written is still good for reading.
    let _ = Seal::write(seal, file, &found);
    Ok(())
}
