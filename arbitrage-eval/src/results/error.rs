//! Why a trace and its grades give no results.

/// Why there are no results.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// The trace has a finished problem that the grades lack.
    #[error("problem `{id}` was solved, and its grade is missing: grade the run again")]
    Ungraded {
        /// The problem's id.
        id: String,
    },
    /// The grades have a problem that the trace did not finish.
    #[error("problem `{id}` has a grade, and the trace does not hold its end: are trace and grades of the same run?")]
    Unsolved {
        /// The problem's id.
        id: String,
    },
    /// Two results of one problem.
    #[error("problem `{id}`: expected one result, found two")]
    Duplicate {
        /// The problem's id.
        id: String,
    },
    /// A number that is not finite, or below 0.
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
