//! Validation of the numbers that metrics are computed from.

use std::ops::RangeInclusive;

/// Why a metric could not be computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// A number of a series is NaN, infinite, or out of its range.
    #[error("{what} {index}: expected {expected}, found {found}")]
    Number {
        /// What the series holds.
        what: &'static str,
        /// Index of the number in the series, from 0.
        index: usize,
        /// What is allowed.
        expected: &'static str,
        /// What was found.
        found: f32,
    },
    /// Two series that describe the same steps differ in length.
    #[error("{what}: expected {expected}, found {found}")]
    Count {
        /// What the second series holds.
        what: &'static str,
        /// Length of the first series.
        expected: usize,
        /// Length of the second series.
        found: usize,
    },
    /// A parameter is NaN or out of its range.
    #[error("{what}: expected {expected}, found {found}")]
    Parameter {
        /// The parameter.
        what: &'static str,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: f64,
    },
}

/// # Errors
/// [`MetricsError::Number`] for the first number that is NaN or infinite.
pub(crate) fn check_finite(what: &'static str, numbers: &[f32]) -> Result<(), MetricsError> {
    check_range(what, numbers, f32::MIN..=f32::MAX, "a finite number")
}

/// # Errors
/// [`MetricsError::Number`] for the first number that is NaN or out of [0, 1].
pub(crate) fn check_probabilities(what: &'static str, numbers: &[f32]) -> Result<(), MetricsError> {
    check_range(what, numbers, 0.0..=1.0, "a number in 0..=1")
}

fn check_range(
    what: &'static str,
    numbers: &[f32],
    range: RangeInclusive<f32>,
    expected: &'static str,
) -> Result<(), MetricsError> {
    match numbers.iter().position(|number| !range.contains(number)) {
        Some(index) => Err(MetricsError::Number { what, index, expected, found: numbers[index] }),
        None => Ok(()),
    }
}

/// # Errors
/// [`MetricsError::Count`] unless both lengths are equal.
pub(crate) fn check_len(what: &'static str, expected: usize, found: usize) -> Result<(), MetricsError> {
    if expected == found { Ok(()) } else { Err(MetricsError::Count { what, expected, found }) }
}

/// # Errors
/// [`MetricsError`] for series of different length, and estimates or advantages that are not finite.
pub(super) fn check_advantages(estimates: &[f32], advantages: &[f32]) -> Result<(), MetricsError> {
    check_len("advantages", estimates.len(), advantages.len())?;
    check_finite("estimate", estimates)?;
    check_finite("advantage", advantages)
}

/// # Errors
/// [`MetricsError::Parameter`] for a threshold of NaN; infinite thresholds accept or escalate every step.
pub(super) fn check_threshold(tau: f32) -> Result<(), MetricsError> {
    if !tau.is_nan() {
        return Ok(());
    }
    Err(MetricsError::Parameter { what: "threshold", expected: "a number".to_owned(), found: f64::from(tau) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_invalid_number_is_named() {
        let error = check_finite("estimate", &[0.0, f32::NAN, f32::INFINITY]).unwrap_err();
        assert_eq!(error.to_string(), "estimate 1: expected a finite number, found NaN");
        let error = check_probabilities("estimate", &[0.0, 1.0, 1.5]).unwrap_err();
        assert_eq!(error.to_string(), "estimate 2: expected a number in 0..=1, found 1.5");
        assert_eq!(check_len("labels", 3, 2).unwrap_err().to_string(), "labels: expected 3, found 2");
    }
}
