//! A file's digest, kept next to the file, so that a start does not have to read a gigabyte again.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::Progress;
use super::hash::sha256;
use crate::error::{Error, Result};
use crate::small_file;
use crate::weights::writer::write_atomic;

/// Longest stamp that is read, in bytes.
const MAX_STAMP_BYTES: u64 = 4096;

/// A file's digest, with the file's size and time at which it was computed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DigestStamp {
    bytes: u64,
    modified: Duration,
    sha256: String,
}

/// Where the stamp of a file in the cache is kept.
pub(super) fn path_for(file: &Path) -> PathBuf {
    file.with_added_extension("ok")
}

impl DigestStamp {
    /// The stamp at `path`. A missing or damaged one only costs hashing the file again.
    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&small_file::read(path, MAX_STAMP_BYTES).ok()?).ok()
    }

    /// The digest, unless `file` has changed since.
    pub(super) fn digest_of(self, file: &Path) -> Option<String> {
        let data = fs::metadata(file).ok()?;
        (data.is_file() && data.len() == self.bytes && modified(&data) == self.modified).then_some(self.sha256)
    }

    /// Stores the digest of `file` at `path`. Failures are ignored: without a stamp, the file is only hashed again next time, and a cache
    /// that cannot be written is still good for reading.
    pub(super) fn write(path: &Path, file: &Path, sha256: &str) {
        let Ok(data) = fs::metadata(file) else { return };
        let stamp = Self { bytes: data.len(), modified: modified(&data), sha256: sha256.to_owned() };
        if let (Ok(json), Some(folder)) = (serde_json::to_vec(&stamp), path.parent()) {
            fs::create_dir_all(folder).ok();
            write_atomic(path, |file| file.write_all(&json)).ok();
        }
    }
}

/// The digest of `file`: that in its stamp, unless the file has changed since.
///
/// # Errors
/// [`Error::Io`] when it cannot be read.
pub(super) fn digest(file: &Path, stamp_path: &Path, progress: &mut dyn Progress) -> Result<String> {
    match DigestStamp::read(stamp_path).and_then(|stamp| stamp.digest_of(file)) {
        Some(digest) => Ok(digest),
        None => sha256(file, progress),
    }
}

fn modified(data: &Metadata) -> Duration {
    data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default()
}

/// Checks that `file` has the digest `expected`, or the one in its stamp where none is given. Reads the file only if it changed since
/// it was stamped.
///
/// # Errors
/// [`Error::Digest`] when it has another digest; [`Error::Io`] when it cannot be read.
pub(super) fn check(file: &Path, stamp_path: &Path, expected: Option<&str>, progress: &mut dyn Progress) -> Result<()> {
    let stamp = DigestStamp::read(stamp_path);
    let expected = expected.map(str::to_owned).or_else(|| stamp.as_ref().map(|stamp| stamp.sha256.clone()));
    let matches = |found: &String| expected.as_ref().is_none_or(|expected| expected == found);
    if stamp.and_then(|stamp| stamp.digest_of(file)).is_some_and(|found| matches(&found)) {
        return Ok(());
    }
    let found = sha256(file, progress)?;
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(Error::Digest { path: file.to_owned(), expected, found });
    }
    DigestStamp::write(stamp_path, file, &found);
    Ok(())
}
