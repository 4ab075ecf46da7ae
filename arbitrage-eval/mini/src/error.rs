//! What can be wrong with a family, a problem or a file of rows.

use std::path::{Path, PathBuf};

/// Why something of the mini family cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MiniError {
    /// A [`Family`](super::Family) that makes no sense, or from which nothing can be drawn.
    #[error("mini family, `{field}`: expected {expected}, found {found}")]
    Family {
        /// The field, as a path into the configuration.
        field: String,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A problem whose question no member of the family asks.
    #[error("problem `{id}` is not of the mini family: expected {expected}, found `{found}`")]
    Foreign {
        /// The problem's name.
        id: String,
        /// What a question of the family has there.
        expected: String,
        /// What the question has, shortened.
        found: String,
    },
    /// A name that is no stream's.
    #[error("stream: expected `train`, `validation` or `test`, found `{found}`")]
    Stream {
        /// The name given.
        found: String,
    },
    /// A file that cannot be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A row that cannot be written.
    #[error("row {row}: {source}")]
    Row {
        /// Rows that were written before it.
        row: u64,
        /// The writer's reason.
        #[source]
        source: std::io::Error,
    },
    /// A model that cannot be trained, saved or loaded.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Models(#[from] arbitrage_models::Error),
}

impl MiniError {
    pub(super) fn family(field: impl Into<String>, expected: impl Into<String>, found: impl ToString) -> Self {
        Self::Family { field: field.into(), expected: expected.into(), found: found.to_string() }
    }

    pub(super) fn write(path: &Path, source: std::io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }
}
