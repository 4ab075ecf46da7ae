//! What can be wrong with training data and with the settings that shape it.

use std::fmt::Display;

/// Why no training data could be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// A score that is no number to compute with.
    #[error("problem `{problem}`, step {step}: {what} expected to be finite, found {found}")]
    Score {
        /// The problem's id.
        problem: String,
        /// Index of the step, from 0.
        step: usize,
        /// Which score.
        what: &'static str,
        /// What was found.
        found: f32,
    },
    /// Two questions go by one id, so that neither their steps nor their parts of a split can be told apart.
    #[error("problem `{problem}`: expected one question an id, found two")]
    Question {
        /// The id.
        problem: String,
    },
    /// A setting or a number out of its range.
    #[error("{what}: expected {expected}, found {found}")]
    Parameter {
        /// Which one.
        what: String,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// More or fewer numbers than there have to be.
    #[error("{what}: expected {expected}, found {found}")]
    Count {
        /// Numbers of what.
        what: &'static str,
        /// How many belong there.
        expected: usize,
        /// How many are there.
        found: usize,
    },
}

impl LabelError {
    pub(crate) fn parameter(what: impl Into<String>, expected: impl Into<String>, found: impl ToString) -> Self {
        Self::Parameter { what: what.into(), expected: expected.into(), found: found.to_string() }
    }
}

/// The one of `all` that goes by the name `found`.
///
/// # Errors
/// [`LabelError::Parameter`] with all names.
pub(crate) fn named<T: Copy + Display>(what: &str, all: &[T], found: &str) -> Result<T, LabelError> {
    let is_called = |one: &&T| one.to_string() == found;
    let names = || all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let unknown = || LabelError::parameter(what, format!("one of {}", names()), format!("`{found}`"));
    all.iter().find(is_called).copied().ok_or_else(unknown)
}
