//! All figures of one policy.

use serde::{Deserialize, Serialize};

use super::{Acceptance, Accuracy, Latency, Range, Roles, Waste};
use crate::results::PolicyResults;

/// The figures of one policy on one benchmark: a row of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// Name of the benchmark.
    pub benchmark: String,
    /// Policy and threshold.
    pub policy: String,
    /// Outcomes, counted.
    pub outcomes: Accuracy,
    /// Share of right answers.
    pub accuracy: Option<Range>,
    /// Who wrote.
    pub acceptance: Acceptance,
    /// Calls of the target in vain.
    pub waste: Option<Waste>,
    /// Seconds a problem.
    pub latency: Option<Latency>,
    /// Tokens and seconds a role.
    pub roles: Option<Roles>,
}

impl Summary {
    /// The figures of `results`.
    pub fn of(results: &PolicyResults) -> Self {
        let outcomes = Accuracy::of(results);
        Self {
            benchmark: results.benchmark.clone(),
            policy: results.name(),
            outcomes,
            accuracy: outcomes.share(),
            acceptance: Acceptance::of(results),
            waste: Waste::of(results),
            latency: Latency::of(results),
            roles: Roles::of(results),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::testing::results;

    #[test]
    fn nothing_has_no_figures_and_no_nan() {
        let empty = Summary::of(&PolicyResults::new("tables", "draft", None, Vec::new()).unwrap());
        assert_eq!((empty.accuracy, empty.waste, empty.latency, empty.roles), (None, None, None, None));
        // What is no number would be written as null, and not be read again.
        for results in [results("a", None, &[]), results("a", Some(0.5), &[(Some(true), 1.0), (None, 0.0)])] {
            let summary = Summary::of(&results);
            let text = serde_json::to_string(&summary).unwrap();
            assert_eq!(serde_json::from_str::<Summary>(&text).unwrap().outcomes, summary.outcomes);
        }
    }
}
