//! Numbers that cannot be measured with.

/// Why a metric could not be computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// A number that is none, or out of its range.
    #[error("{what} {index}: expected {expected}, found {found}")]
    Number {
        /// Which series.
        what: &'static str,
        /// Its place there, from 0.
        index: usize,
        /// What is allowed.
        expected: &'static str,
        /// What was found.
        found: f32,
    },
    /// Series that belong together and differ in length.
    #[error("{what}: expected {expected}, found {found}")]
    Count {
        /// The series.
        what: &'static str,
        /// How many belong there.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A setting out of its range.
    #[error("{what}: expected {expected}, found {found}")]
    Parameter {
        /// The setting.
        what: &'static str,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: f64,
    },
}

pub(crate) fn finite(what: &'static str, numbers: &[f32]) -> Result<(), MetricsError> {
    within(what, numbers, "a finite number", |number| number.is_finite())
}

pub(crate) fn probabilities(what: &'static str, numbers: &[f32]) -> Result<(), MetricsError> {
    within(what, numbers, "a number in 0..=1", |number| (0.0..=1.0).contains(&number))
}

fn within(
    what: &'static str,
    numbers: &[f32],
    expected: &'static str,
    is_good: impl Fn(f32) -> bool,
) -> Result<(), MetricsError> {
    match numbers.iter().position(|number| !is_good(*number)) {
        Some(index) => Err(MetricsError::Number { what, index, expected, found: numbers[index] }),
        None => Ok(()),
    }
}

pub(crate) fn count(what: &'static str, expected: usize, found: usize) -> Result<(), MetricsError> {
    if expected == found { Ok(()) } else { Err(MetricsError::Count { what, expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wrong_number_is_named() {
        let error = finite("estimate", &[0.0, f32::NAN, f32::INFINITY]).unwrap_err();
        assert_eq!(error.to_string(), "estimate 1: expected a finite number, found NaN");
        let error = probabilities("estimate", &[0.0, 1.0, 1.5]).unwrap_err();
        assert_eq!(error.to_string(), "estimate 2: expected a number in 0..=1, found 1.5");
        assert_eq!(count("labels", 3, 2).unwrap_err().to_string(), "labels: expected 3, found 2");
    }
}
