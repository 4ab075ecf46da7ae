//! All figures of one policy.

use serde::{Deserialize, Serialize};

use super::{AcceptanceRates, Accuracy, Latency, Roles, Waste};
use crate::results::PolicyResults;
use arbitrage_router::metrics::Interval;

/// The figures of one policy on one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PolicySummary {
    /// Name of the benchmark.
    pub benchmark: String,
    /// Policy and threshold.
    pub policy: String,
    /// Counts of outcomes.
    pub outcomes: Accuracy,
    /// Share of right answers.
    pub accuracy: Option<Interval>,
    /// The draft's share.
    pub acceptance: AcceptanceRates,
    /// Calls of the target that gained nothing.
    pub waste: Option<Waste>,
    /// Seconds per problem.
    pub latency: Option<Latency>,
    /// Tokens and seconds by role.
    pub roles: Option<Roles>,
}

impl PolicySummary {
    /// The figures of `results`.
    pub fn of(results: &PolicyResults) -> Self {
        let outcomes = Accuracy::of(results);
        Self {
            benchmark: results.benchmark.clone(),
            policy: results.name(),
            outcomes,
            accuracy: outcomes.share(),
            acceptance: AcceptanceRates::of(results),
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
    fn empty_results_have_neither_figures_nor_nan() {
        let empty = PolicySummary::of(&PolicyResults::new("tables", "draft", None, Vec::new()).unwrap());
        assert_eq!((empty.accuracy, empty.waste, empty.latency, empty.roles), (None, None, None, None));
        // NaN would be written as null, which cannot be read again.
        for results in [results("a", None, &[]), results("a", Some(0.5), &[(Some(true), 1.0), (None, 0.0)])] {
            let summary = PolicySummary::of(&results);
            let text = serde_json::to_string(&summary).unwrap();
            assert_eq!(serde_json::from_str::<PolicySummary>(&text).unwrap().outcomes, summary.outcomes);
        }
    }
}
