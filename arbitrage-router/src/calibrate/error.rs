//! Why there is no calibration or no threshold.

use super::Goal;
use crate::metrics::MetricsError;

/// Why estimates could not be calibrated, or a goal not be met.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrateError {
    /// The validation estimates or labels are no usable series.
    #[error(transparent)]
    Series(#[from] MetricsError),
    /// There are not labels of both kinds, so that nothing can be learned from them.
    #[error("labels: expected some of both kinds, found {zeros} of 0 and {ones} of 1")]
    Labels {
        /// How many are 0.
        zeros: usize,
        /// How many are 1.
        ones: usize,
    },
    /// A number out of its range: in a file, or given.
    #[error("{what}: expected {expected}, found {found}")]
    Parameter {
        /// Which one.
        what: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// The text is not a goal.
    #[error("goal `{found}`: expected {expected}")]
    Goal {
        /// What would be one.
        expected: &'static str,
        /// The text.
        found: String,
    },
    /// The goal is about time, and nobody said how long anything takes.
    #[error("goal `{goal}` needs measured seconds, and none were given")]
    Seconds {
        /// The goal.
        goal: Goal,
    },
    /// No threshold reaches the goal.
    #[error("goal `{goal}` cannot be met: {least:.4} of the target's time a step is the least, at τ = {tau}")]
    Unreachable {
        /// The goal.
        goal: Goal,
        /// The least mean time a step, relative to the target alone, that a threshold reaches.
        least: f64,
        /// That threshold.
        tau: f32,
    },
}

impl CalibrateError {
    pub(super) fn parameter(what: &'static str, expected: &'static str, found: impl ToString) -> Self {
        Self::Parameter { what, expected, found: found.to_string() }
    }
}

/// How many labels are 0 and 1, if there are both.
pub(super) fn both_kinds(labels: &[bool]) -> Result<(usize, usize), CalibrateError> {
    let ones = labels.iter().filter(|label| **label).count();
    let zeros = labels.len() - ones;
    if zeros > 0 && ones > 0 { Ok((zeros, ones)) } else { Err(CalibrateError::Labels { zeros, ones }) }
}
