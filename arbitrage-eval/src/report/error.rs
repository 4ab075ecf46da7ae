//! What can go wrong on the way to a report.

use std::path::PathBuf;

use arbitrage_core::trace::JsonlError;

use crate::problems::ProblemsError;
use crate::results::EvaluationError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The operating system refused a file or folder.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's own error.
        #[source]
        source: std::io::Error,
    },
    /// A trace cannot be read. The error names file and line.
    #[error(transparent)]
    Trace(#[from] JsonlError),
    /// Grades cannot be read. The error names file and line.
    #[error(transparent)]
    Grades(#[from] ProblemsError),
    /// A trace and its grades contradict each other, or themselves.
    #[error("{}: {source}", path.display())]
    Results {
        /// The trace.
        path: PathBuf,
        /// The contradiction.
        #[source]
        source: EvaluationError,
    },
    /// A page could not be filled in.
    #[error("the report's template: {0}")]
    Template(#[from] minijinja::Error),
    /// What the page's browser of solutions shows could not be written as JSON.
    #[error("the report's solutions: {0}")]
    Json(#[from] serde_json::Error),
}
