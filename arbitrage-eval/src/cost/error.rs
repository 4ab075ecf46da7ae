//! Errors of the cost model.

/// Why there is no cost model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CostError {
    /// A cost that is NaN, infinite or too small.
    #[error("`{name}`: {what} expected to be {expected}, found {found}")]
    Number {
        /// The hardware's name.
        name: String,
        /// Which cost.
        what: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was found.
        found: f64,
    },
    /// The trace has no work of the kind whose cost is to be measured.
    #[error("`{name}`: the trace has no {what}, so that its cost cannot be measured; sum usages of several runs")]
    Unmeasured {
        /// The hardware's name.
        name: String,
        /// What is missing.
        what: &'static str,
    },
}
