//! Errors of reports.

use std::path::PathBuf;

use arbitrage_core::trace::{JsonlError, TraceError};

use crate::problems::ProblemsError;
use crate::results::ResultsError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// A trace cannot be read. The error names file and line.
    #[error(transparent)]
    Trace(#[from] JsonlError),
    /// Grades cannot be read. The error names file and line.
    #[error(transparent)]
    Grades(#[from] ProblemsError),
    /// A trace contradicts itself, such as by two questions with the same id.
    #[error("{}: {source}", path.display())]
    InconsistentTrace {
        /// The trace.
        path: PathBuf,
        /// The conflict.
        #[source]
        source: TraceError,
    },
    /// A trace and its grades are not of the same problems.
    #[error("{}: {source}", path.display())]
    Results {
        /// The trace.
        path: PathBuf,
        /// The contradiction.
        #[source]
        source: ResultsError,
    },
    /// The page could not be rendered.
    #[error("the report's template could not be rendered: {0}")]
    Template(#[from] minijinja::Error),
    /// The solutions could not be written as JSON.
    #[error("the report's solutions could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}
