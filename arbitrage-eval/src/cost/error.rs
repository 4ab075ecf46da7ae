//! What can be wrong with costs.

/// Why there is no cost model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CostError {
    /// A cost that is none.
    #[error("`{name}`: {what} expected to be {expected}, found {found}")]
    Number {
        /// The hardware.
        name: String,
        /// Which cost.
        what: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was found.
        found: f64,
    },
    /// A cost that the trace cannot tell, since nothing was done that costs it.
    #[error("`{name}`: the trace has no {what} to measure by")]
    Unmeasured {
        /// The hardware.
        name: String,
        /// What is missing.
        what: &'static str,
    },
}
