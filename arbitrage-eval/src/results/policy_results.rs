//! One policy on one benchmark.

use serde::{Deserialize, Serialize};

use super::{ProblemResult, ResultsError};

/// One policy on one benchmark, problem by problem: the input of metrics and reports. Constructor and deserialiser both guarantee that the
/// problems are sorted by id, that each occurs once, and that their numbers are finite and not negative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedResults")]
#[non_exhaustive]
pub struct PolicyResults {
    /// Name of the benchmark.
    pub benchmark: String,
    /// Name of the policy, without its threshold, as in [`Policy`](arbitrage_router::Policy).
    pub policy: String,
    /// Its threshold, or rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tau: Option<f32>,
    problems: Vec<ProblemResult>,
}

impl PolicyResults {
    /// Sorts and checks the problems.
    ///
    /// # Errors
    /// [`ResultsError`] for a problem that occurs twice, and for a number that is NaN, infinite or negative.
    pub fn new(
        benchmark: impl Into<String>,
        policy: impl Into<String>,
        tau: Option<f32>,
        mut problems: Vec<ProblemResult>,
    ) -> Result<Self, ResultsError> {
        let policy = policy.into();
        if tau.is_some_and(f32::is_nan) {
            return Err(ResultsError::Threshold { policy });
        }
        problems.sort_by(|one, other| one.id.cmp(&other.id));
        if let Some(pair) = problems.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(ResultsError::Duplicate { id: pair[0].id.clone() });
        }
        problems.iter().try_for_each(check)?;
        Ok(Self { benchmark: benchmark.into(), policy, tau, problems })
    }

    /// The problems, by id.
    pub fn problems(&self) -> &[ProblemResult] {
        &self.problems
    }

    /// Policy and threshold, such as `rsd:0.5`, or `rsd:0.5+handover:1` with a [lookahead](arbitrage_router::Lookahead).
    pub fn name(&self) -> String {
        let Some(tau) = self.tau else { return self.policy.clone() };
        match self.policy.split_once('+') {
            Some((policy, lookahead)) => format!("{policy}:{tau}+{lookahead}"),
            None => format!("{}:{tau}", self.policy),
        }
    }
}

fn check(problem: &ProblemResult) -> Result<(), ResultsError> {
    let usage = &problem.usage;
    let numbers = [
        ("seconds", problem.seconds),
        ("seconds of the draft", usage.draft.seconds),
        ("prefill seconds of the draft", usage.draft.prefill_seconds),
        ("seconds of the target", usage.target.seconds),
        ("prefill seconds of the target", usage.target.prefill_seconds),
        ("seconds of the router", usage.router_seconds),
    ];
    match numbers.into_iter().find(|(_, number)| !(number.is_finite() && *number >= 0.0)) {
        Some((what, found)) => Err(ResultsError::Number { id: problem.id.clone(), what, found }),
        None => Ok(()),
    }
}

/// Results as a file has them, before they are checked.
#[derive(Deserialize)]
struct UncheckedResults {
    benchmark: String,
    policy: String,
    #[serde(default)]
    tau: Option<f32>,
    problems: Vec<ProblemResult>,
}

impl TryFrom<UncheckedResults> for PolicyResults {
    type Error = ResultsError;
    fn try_from(found: UncheckedResults) -> Result<Self, ResultsError> {
        Self::new(found.benchmark, found.policy, found.tau, found.problems)
    }
}

#[cfg(test)]
mod tests;
