//! Why policies cannot be compared.

use crate::results::PolicyResults;

/// Why policies cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// They were not asked the same problems.
    #[error("expected the same problems, found `{id}` under `{known}` and not under `{missing}`")]
    Problems {
        /// The first problem that one of them lacks.
        id: String,
        /// Who has it.
        known: String,
        /// Who lacks it.
        missing: String,
    },
    /// There is nothing to compare.
    #[error("expected at least one {what}")]
    Empty {
        /// What is missing.
        what: &'static str,
    },
    /// Numbers to compute with that are none.
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
    /// No accuracy is reached by both curves.
    #[error("no accuracy is reached by both: one spans {first:?}, the other {second:?}")]
    Apart {
        /// Least and greatest accuracy of the first.
        first: (f64, f64),
        /// Least and greatest accuracy of the second.
        second: (f64, f64),
    },
    /// A cost that is not above 0, to which no other can be in a ratio.
    #[error("costs expected to be above 0, found {found}")]
    Free {
        /// The cost.
        found: f64,
    },
    /// The figure exists for all problems together and for no resample of them.
    #[error("the figure exists for no resample of the problems")]
    Unsure,
}

/// Refuses results of different problems, and none at all.
pub(super) fn same_problems(all: &[&PolicyResults]) -> Result<(), CompareError> {
    let Some((first, others)) = all.split_first() else { return Err(CompareError::Empty { what: "policy" }) };
    let ids = |results: &PolicyResults| results.problems().iter().map(|problem| problem.id.clone()).collect::<Vec<_>>();
    let known = ids(first);
    others.iter().try_for_each(|other| same_ids((&first.name(), &known), (&other.name(), &ids(other))))
}

/// Refuses lists of ids that differ, each with the name of whom it belongs to. The ids ascend.
pub(crate) fn same_ids(one: (&str, &[String]), other: (&str, &[String])) -> Result<(), CompareError> {
    let lacks = |one: (&str, &[String]), other: (&str, &[String])| {
        let id = one.1.iter().find(|id| other.1.binary_search(id).is_err())?.clone();
        Some(CompareError::Problems { id, known: one.0.to_owned(), missing: other.0.to_owned() })
    };
    lacks(one, other).or_else(|| lacks(other, one)).map_or(Ok(()), Err)
}
