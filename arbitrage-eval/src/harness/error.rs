//! What can go wrong with a run's files.

use std::path::{Path, PathBuf};

use arbitrage_core::BoxError;
use arbitrage_core::trace::JsonlError;
use arbitrage_router::labels::LabelError;

/// Why a run cannot begin, go on or be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HarnessError {
    /// The file cannot be read or written, is locked, or holds no trace.
    #[error(transparent)]
    Jsonl(#[from] JsonlError),
    /// The records are of another run, which nobody could tell from this one.
    #[error("{}: holds another run: {differences}", path.display())]
    AnotherRun {
        /// The file.
        path: PathBuf,
        /// In what they differ, such as `limits.step_tokens: 16, then 17`.
        differences: String,
    },
    /// The file has records and does not say which models wrote them.
    #[error("{}: does not say which models wrote it, so that nothing is added", path.display())]
    Nameless {
        /// The file.
        path: PathBuf,
    },
    /// The records contradict each other.
    #[error("{}: {source}", path.display())]
    Records {
        /// The file.
        path: PathBuf,
        /// The contradiction.
        #[source]
        source: LabelError,
    },
    /// Problems have no end in a file that should hold all of them.
    #[error("{}: {missing} of {expected} problems have not ended, the first `{first}`", path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// Problems that it should hold.
        expected: usize,
        /// Those that it does not.
        missing: usize,
        /// The name of one.
        first: String,
    },
    /// A record cannot be kept.
    #[error(transparent)]
    Unkept(BoxError),
    /// A part of a whole that there is not.
    #[error("shard `{found}`: expected I/N with I from 1 to N, such as 2/8")]
    Shard {
        /// What was given.
        found: String,
    },
    /// The operating system refused a file or folder.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's own error.
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
