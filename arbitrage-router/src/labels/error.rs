//! Errors in training data and in the settings that shape it.

use std::fmt::Display;

/// Why no training data could be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// A score that is not finite, or so large that a difference would not be.
    #[error("problem `{problem}`, step {step}: {what} expected to be finite, found {found}")]
    Score {
        /// The problem's id.
        problem: String,
        /// Index of the step, from 0.
        step: usize,
        /// Which score.
        what: &'static str,
        /// The score.
        found: f32,
    },
    /// A setting or a number out of its range.
    #[error("{what}: expected {expected}, found {found}")]
    Parameter {
        /// Its name.
        what: String,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// More or fewer numbers than expected.
    #[error("{what}: expected {expected}, found {found}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// How many are expected.
        expected: usize,
        /// How many were given.
        found: usize,
    },
}

impl LabelError {
    pub(crate) fn parameter(what: impl Into<String>, expected: impl Into<String>, found: impl ToString) -> Self {
        Self::Parameter { what: what.into(), expected: expected.into(), found: found.to_string() }
    }
}

/// The value of `all` with the name `found`.
///
/// # Errors
/// [`LabelError::Parameter`] with all names.
pub(crate) fn named<T: Copy + Display>(what: &str, all: &[T], found: &str) -> Result<T, LabelError> {
    let is_called = |one: &&T| one.to_string() == found;
    let names = || all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let unknown = || LabelError::parameter(what, format!("one of {}", names()), format!("`{found}`"));
    all.iter().find(is_called).copied().ok_or_else(unknown)
}
