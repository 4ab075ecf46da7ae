//! Errors of calibration and of choosing a threshold.

use super::Goal;
use crate::metrics::MetricsError;

/// Why a calibration could not be fitted or a threshold could not be chosen.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrateError {
    /// Estimates that are not finite or out of their range, or a different number of labels than of estimates.
    #[error(transparent)]
    Series(#[from] MetricsError),
    /// All labels are equal, so no calibration can be fitted to them.
    #[error("labels: expected both 0 and 1 among them, found {zeros} of 0 and {ones} of 1")]
    SingleClass {
        /// Number of labels that are 0.
        zeros: usize,
        /// Number of labels that are 1.
        ones: usize,
    },
    /// A parameter, given or read from a file, is out of its range.
    #[error("{what}: expected {expected}, found {found}")]
    Parameter {
        /// The parameter.
        what: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// The text does not describe a goal, or its number is out of range.
    #[error("goal `{found}`: expected {expected}")]
    Goal {
        /// What is allowed.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// The goal is a latency, and the validation set has no measured times.
    #[error("goal `{goal}` needs the measured seconds per step, and none were given")]
    MissingSeconds {
        /// The goal.
        goal: Goal,
    },
    /// The goal is about problems, and a validation set has steps.
    #[error(
        "goal `{goal}` needs runs of the router and of the target on the same problems, and estimates of steps were given"
    )]
    NeedsRuns {
        /// The goal.
        goal: Goal,
    },
    /// No threshold meets the goal.
    #[error("goal `{goal}` cannot be met: the least latency is {least:.4} of the target's time per step, at τ = {tau}")]
    Unreachable {
        /// The goal.
        goal: Goal,
        /// The least mean time per step of any threshold, as a share of the time of the target alone.
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

/// Number of labels of each class.
pub(super) struct ClassCounts {
    pub(super) zeros: usize,
    pub(super) ones: usize,
}

/// # Errors
/// [`CalibrateError::SingleClass`] unless there are labels of both classes.
pub(super) fn class_counts(labels: &[bool]) -> Result<ClassCounts, CalibrateError> {
    let ones = labels.iter().filter(|label| **label).count();
    let zeros = labels.len() - ones;
    if zeros > 0 && ones > 0 {
        Ok(ClassCounts { zeros, ones })
    } else {
        Err(CalibrateError::SingleClass { zeros, ones })
    }
}
