//! The errors of this crate.

use std::path::{Path, PathBuf};

/// An error about a family, a problem or a written file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MiniError {
    /// A [`Family`](super::Family) with a field out of its range, or from which no problem can be drawn.
    #[error("mini family, `{field}`: expected {expected}, found {found}")]
    Family {
        /// The field, as a path into the configuration.
        field: String,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A problem whose question is not one of the mini family.
    #[error("problem `{id}` is not of the mini family: expected {expected}, found `{found}`")]
    UnknownProblem {
        /// The problem's id.
        id: String,
        /// What a question of the family has at that position.
        expected: String,
        /// What the question has instead, shortened.
        found: String,
    },
    /// An unknown name of a stream.
    #[error("stream: expected `train`, `validation` or `test`, found `{found}`")]
    Stream {
        /// The given name.
        found: String,
    },
    /// A file or folder that could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: std::io::Error,
    },
    /// A row that could not be written.
    #[error("cannot write row {row}: {source}")]
    Row {
        /// The number of rows that were written before it.
        row: u64,
        /// The error of the writer.
        #[source]
        source: std::io::Error,
    },
    /// A model that could not be trained, saved or loaded.
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
