//! Time and tokens by role.

use arbitrage_core::{RoleUsage, Usage};
use serde::{Deserialize, Serialize};

use crate::results::PolicyResults;

/// Mean tokens and seconds per problem of each role, over the timed problems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Roles {
    /// Means of the draft.
    pub draft: RoleMeans,
    /// Means of the target.
    pub target: RoleMeans,
    /// Mean seconds of the router, including its scorer.
    pub router_seconds: f64,
}

/// Means per problem of one role.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RoleMeans {
    /// Number of calls.
    pub calls: f64,
    /// Decoded tokens, including those of rejected steps.
    pub written: f64,
    /// Decoded tokens that were committed.
    pub kept: f64,
    /// Prefilled tokens: prompts and the other model's steps.
    pub read: f64,
    /// Seconds, including prefill.
    pub seconds: f64,
    /// Seconds of prefill, up to first tokens.
    pub reading_seconds: f64,
}

impl Roles {
    /// The means over the timed problems; `None` without any.
    pub fn of(results: &PolicyResults) -> Option<Self> {
        let timed = || results.problems().iter().filter(|problem| problem.timed_seconds().is_some());
        let usage: Usage = timed().map(|problem| problem.usage).sum();
        let count = timed().count();
        (count > 0).then(|| Self {
            draft: RoleMeans::new(&usage.draft, count),
            target: RoleMeans::new(&usage.target, count),
            router_seconds: usage.router_seconds / count as f64,
        })
    }
}

impl RoleMeans {
    fn new(usage: &RoleUsage, problems: usize) -> Self {
        let mean = |count: usize| count as f64 / problems as f64;
        Self {
            calls: mean(usage.calls),
            written: mean(usage.decoded),
            kept: mean(usage.kept_tokens),
            read: mean(usage.prefilled),
            seconds: usage.seconds / problems as f64,
            reading_seconds: usage.prefill_seconds / problems as f64,
        }
    }
}

/// Summed usage and number of the problems that did not fail, including warm-up.
pub(super) fn total(results: &PolicyResults) -> (Usage, usize) {
    let ended = || results.problems().iter().filter(|problem| problem.stop.is_some());
    (ended().map(|problem| problem.usage).sum(), ended().count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::testing::result;

    #[test]
    fn means_are_of_timed_problems() {
        let mut problems = vec![result("a", Some(true), 1.0), result("b", Some(true), 3.0), result("c", None, 9.0)];
        problems[2].stop = None;
        for (at, problem) in problems.iter_mut().enumerate() {
            (problem.usage.draft.decoded, problem.usage.target.prefilled) = (10 * (at + 1), 4);
            problem.usage.router_seconds = 0.5;
        }
        let of = |problems| Roles::of(&PolicyResults::new("tables", "a", None, problems).unwrap());
        let found = of(problems.clone()).unwrap();
        assert_eq!((found.draft.written, found.target.read, found.router_seconds), (15.0, 4.0, 0.5));
        assert_eq!(of(problems.split_off(2)), None);
    }
}
