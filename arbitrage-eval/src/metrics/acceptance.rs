//! The draft's share of the solutions.

use serde::{Deserialize, Serialize};

use crate::results::PolicyResults;

/// The draft's share of all committed solutions together, without those that failed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AcceptanceRates {
    /// Share of the steps: the paper's `α` (§5).
    pub by_steps: Option<f64>,
    /// Share of the tokens: the released script's figure.
    pub by_tokens: Option<f64>,
    /// Mean number of steps per problem.
    pub steps_a_problem: Option<f64>,
}

impl AcceptanceRates {
    /// Sums the steps of all problems, so that long solutions count for more.
    pub fn of(results: &PolicyResults) -> Self {
        let (usage, problems) = super::roles::total(results);
        let steps = usage.accepted_steps + usage.escalated_steps;
        Self {
            by_steps: usage.acceptance_by_steps(),
            by_tokens: usage.acceptance_by_tokens(),
            steps_a_problem: (problems > 0).then(|| steps as f64 / problems as f64),
        }
    }
}
