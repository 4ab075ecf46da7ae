//! What can be wrong with a trace and its grades.

use arbitrage_router::labels::LabelError;

/// Why there are no results.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// The trace contradicts itself.
    #[error(transparent)]
    Trace(#[from] LabelError),
    /// A problem was solved and has no grade.
    #[error("problem `{id}` was solved, and its grade is missing")]
    Ungraded {
        /// The problem's id.
        id: String,
    },
    /// A problem has a grade, and the trace does not hold its end.
    #[error("problem `{id}` has a grade, and the trace does not hold its end")]
    Unsolved {
        /// The problem's id.
        id: String,
    },
    /// Two results of one problem.
    #[error("problem `{id}`: expected one result, found two")]
    Twice {
        /// The problem's id.
        id: String,
    },
    /// A number that is none, or below 0.
    #[error("problem `{id}`: {what} expected to be finite and at least 0, found {found}")]
    Number {
        /// The problem's id.
        id: String,
        /// Which number.
        what: &'static str,
        /// What was found.
        found: f64,
    },
    /// A threshold that is NaN.
    #[error("policy `{policy}`: τ expected to be a number, found NaN")]
    Threshold {
        /// The policy's name.
        policy: String,
    },
}
