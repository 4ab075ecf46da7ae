//! Why runs show nothing about lost problems.

use std::path::{Path, PathBuf};

use arbitrage_core::BoxError;
use arbitrage_core::trace::TraceError;
use arbitrage_router::calibrate::CalibrateError;

use crate::harness::HarnessError;
use crate::problems::ProblemsError;
use crate::results::ResultsError;

/// Why a threshold cannot be calibrated by paired runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LossError {
    /// A run's trace cannot be read.
    #[error("{}: {source}", path.display())]
    Trace {
        /// The file.
        path: PathBuf,
        /// The error, which names the line.
        #[source]
        source: TraceError,
    },
    /// A file of grades cannot be read.
    #[error(transparent)]
    Grades(#[from] ProblemsError),
    /// Trace and grades are not of the same problems.
    #[error("{}: {source}", path.display())]
    Results {
        /// The trace.
        path: PathBuf,
        /// What does not fit.
        #[source]
        source: ResultsError,
    },
    /// A field of a run's record is not as it has to be.
    #[error("{}: {field}: expected {expected}, found {found}", path.display())]
    Field {
        /// The trace.
        path: PathBuf,
        /// The field of its run record, such as `notes.policy`.
        field: String,
        /// What is expected there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A problem is missing in one of the runs.
    #[error("{}: expected the problems of the target's run, found none with the id `{id}`, which {} has", path.display(), other.display())]
    Problem {
        /// The run that lacks the problem.
        path: PathBuf,
        /// The run that has it.
        other: PathBuf,
        /// The problem's id.
        id: String,
    },
    /// The run has not ended.
    #[error("{}: {ended} of {expected} problems have ended; resume the run", path.display())]
    Incomplete {
        /// The trace.
        path: PathBuf,
        /// Number of problems that have ended.
        ended: usize,
        /// Number of all problems.
        expected: usize,
    },
    /// No solution of the run could be graded.
    #[error("{}: no answer is known to grade by; name the files of problems with their answers", path.display())]
    NoAnswers {
        /// The trace.
        path: PathBuf,
    },
    /// There is no run of the target alone, or none of a router.
    #[error("expected a run of the policy `target` and at least one of a policy with a threshold, found {found}")]
    Runs {
        /// What was found.
        found: String,
    },
    /// No thresholds can be derived for the policy, or there are too few estimates.
    #[error("policy `{policy}`: {reason}")]
    Thresholds {
        /// The policy.
        policy: String,
        /// Why.
        reason: String,
    },
    /// A number is out of range.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// A run could not be begun, resumed or written.
    #[error(transparent)]
    Harness(#[from] HarnessError),
    /// The engine could not be built, or a copied record not be written.
    #[error(transparent)]
    Engine(BoxError),
}

impl LossError {
    /// An error about a field of the run record in `path`.
    pub(super) fn field(
        path: &Path,
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Self {
        Self::Field { path: path.to_owned(), field: field.into(), expected: expected.into(), found: found.to_string() }
    }
}
