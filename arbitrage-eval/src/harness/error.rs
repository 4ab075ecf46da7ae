//! Errors of a run's files.

use std::path::{Path, PathBuf};

use arbitrage_core::BoxError;
use arbitrage_core::trace::{JsonlError, TraceError};

/// Why a run cannot begin, be resumed or be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HarnessError {
    /// The file cannot be read or written, is locked, or holds no trace.
    #[error(transparent)]
    Jsonl(#[from] JsonlError),
    /// The finished trace cannot be read, or two of its questions have the same id.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The file holds records of another run. Mixed with those of this one they could not be told apart.
    #[error("{}: holds another run: {differences}; choose another file, or repeat the settings of that run", path.display())]
    AnotherRun {
        /// The file.
        path: PathBuf,
        /// How the two runs differ, such as `limits.step_tokens: 16, then 17`.
        differences: String,
    },
    /// The file has steps or solutions, and no run record that names the models.
    #[error("{}: expected a run record that names the models, found none; the file cannot be resumed, choose another one", path.display())]
    NoRunRecord {
        /// The file.
        path: PathBuf,
    },
    /// Problems are unfinished in a file that should hold the ends of all.
    #[error("{}: {missing} of {expected} problems have not ended, the first is `{first}`", path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// Number of problems.
        expected: usize,
        /// Number of those without an end.
        missing: usize,
        /// Id of the first of those.
        first: String,
    },
    /// The sink could not write a record.
    #[error(transparent)]
    Sink(BoxError),
    /// A shard whose index is not between 1 and the count.
    #[error("shard `{found}`: expected I/N with I from 1 to N, such as 2/8")]
    Shard {
        /// The text that was given.
        found: String,
    },
    /// The operating system refused a file or folder.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}

impl HarnessError {
    /// Wraps a system error with the file that it concerns.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}
