//! Why policies cannot be compared.

use crate::results::PolicyResults;

/// Why policies cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// They have different problems.
    #[error("expected the same problems, found `{id}` under `{known}` and not under `{missing}`")]
    Problems {
        /// The first problem that one of them lacks.
        id: String,
        /// The policy that has it.
        known: String,
        /// The policy that lacks it.
        missing: String,
    },
    /// There is nothing to compare.
    #[error("expected at least one {what}")]
    Empty {
        /// What is missing.
        what: &'static str,
    },
    /// A number that is NaN, infinite or out of range.
    #[error("`{name}`, problem `{id}`: {what} expected to be {expected}, found {found}")]
    Number {
        /// Policy and threshold.
        name: String,
        /// The problem's id.
        id: String,
        /// Which number.
        what: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was found.
        found: f64,
    },
    /// The curves' ranges of accuracy do not overlap.
    #[error("expected curves whose accuracies overlap, found {first:?} and {second:?}")]
    NoCommonAccuracy {
        /// Least and greatest accuracy of the first.
        first: (f64, f64),
        /// Least and greatest accuracy of the second.
        second: (f64, f64),
    },
    /// A cost that is not above 0, so that no ratio to it exists.
    #[error("costs expected to be above 0, found {found}")]
    NonPositiveCost {
        /// The cost.
        found: f64,
    },
    /// The figure exists for all problems together, but in no bootstrap resample.
    #[error("the figure is undefined in every bootstrap resample: use more problems")]
    NoResample,
}

/// An error for results of different problems, and without results.
pub(super) fn same_problems(all: &[&PolicyResults]) -> Result<(), CompareError> {
    let Some((first, others)) = all.split_first() else { return Err(CompareError::Empty { what: "policy" }) };
    let ids = |results: &PolicyResults| results.problems().iter().map(|problem| problem.id.clone()).collect::<Vec<_>>();
    let known = ids(first);
    let first = NamedIds { name: &first.name(), ids: &known };
    others.iter().try_for_each(|other| same_ids(&first, &NamedIds { name: &other.name(), ids: &ids(other) }))
}

/// The sorted problem ids of a policy.
pub(super) struct NamedIds<'a> {
    /// Policy and threshold.
    pub name: &'a str,
    /// The ids.
    pub ids: &'a [String],
}

/// An error unless both have the same ids.
pub(super) fn same_ids(one: &NamedIds<'_>, other: &NamedIds<'_>) -> Result<(), CompareError> {
    let lacks = |one: &NamedIds<'_>, other: &NamedIds<'_>| {
        let id = one.ids.iter().find(|id| other.ids.binary_search(id).is_err())?.clone();
        Some(CompareError::Problems { id, known: one.name.to_owned(), missing: other.name.to_owned() })
    };
    lacks(one, other).or_else(|| lacks(other, one)).map_or(Ok(()), Err)
}
