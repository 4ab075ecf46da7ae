//! Predictions of policies.

use arbitrage_core::router::Signal;
use arbitrage_router::{LookaheadPolicy, Policy};
use serde::{Deserialize, Serialize};

use super::accuracy::AccuracyModel;
use super::decide::{StepDecisions, decisions};
use super::expected_work::{PolicyCost, expected_work};
use super::{PairedSolution, PairedTrace, ReplayError};
use crate::cost::{Hardware, Reuse, WorkCounts};
use crate::metrics::{Waste, WasteCounts};

/// The prediction for a policy, problem by problem. Counts are expectations and need not be whole numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Prediction {
    /// The policy, with its threshold and its lookahead.
    pub policy: LookaheadPolicy,
    /// The collection's problems, by id.
    pub problems: Vec<PredictedProblem>,
}

/// The prediction for one problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PredictedProblem {
    /// The problem's id.
    pub id: String,
    /// Number of steps, the same as were collected.
    pub steps: usize,
    /// Number of steps by the target.
    pub escalated: f64,
    /// Number of those that gain nothing, `s_t ≤ s_d`.
    pub wasted: f64,
    /// Committed tokens of the draft.
    pub draft_tokens: f64,
    /// Committed tokens of the target.
    pub target_tokens: f64,
    /// The models' work.
    pub work: WorkCounts,
    /// Probability that the answer is right; `None` unless the collection has both right and wrong solutions.
    pub right: Option<f64>,
}

/// Replays a policy along a collection.
///
/// # Errors
/// [`ReplayError::Signal`] where a step lacks the signal that the policy compares; [`ReplayError::Policy`] for a threshold that is missing,
/// NaN or out of range.
pub fn replay(trace: &PairedTrace, policy: &Policy) -> Result<Prediction, ReplayError> {
    replay_lookahead(trace, &(*policy).into())
}

/// Replays a policy with its lookahead. A handover follows from the decisions along the collected steps, and its work is counted: no
/// drafts while the target keeps writing, and what the draft reads when it takes over again.
///
/// # Errors
/// As for [`replay`]. [`ReplayError::NotCollected`] for several drafts of a step, and for a handover after random decisions.
pub fn replay_lookahead(trace: &PairedTrace, policy: &LookaheadPolicy) -> Result<Prediction, ReplayError> {
    let model = AccuracyModel::fit(trace);
    let rule = policy.policy.rule();
    let cost = PolicyCost {
        writes_both: rule.is_some_and(|rule| rule.signal == Signal::Advantage),
        decision: (&policy.policy).into(),
    };
    let predict = |problem| predict(problem, &decisions(policy, problem)?, cost, model.as_ref());
    let problems = trace.problems.iter().map(predict).collect::<Result<_, _>>()?;
    Ok(Prediction { policy: *policy, problems })
}

fn predict(
    problem: &PairedSolution,
    decisions: &StepDecisions,
    cost: PolicyCost,
    model: Option<&AccuracyModel>,
) -> Result<PredictedProblem, ReplayError> {
    let escalations = &decisions.escalations;
    let pairs = || problem.pairs.iter().zip(escalations);
    Ok(PredictedProblem {
        id: problem.id.clone(),
        steps: problem.pairs.len(),
        escalated: escalations.iter().sum(),
        wasted: pairs().filter(|(pair, _)| pair.advantage() <= 0.0).map(|(_, escalated)| escalated).sum(),
        draft_tokens: pairs().map(|(pair, escalated)| (1.0 - escalated) * pair.draft.tokens as f64).sum(),
        target_tokens: pairs().map(|(pair, escalated)| escalated * pair.target.tokens as f64).sum(),
        work: expected_work(problem, decisions, cost),
        right: model.map(|model| model.right(problem, escalations)),
    })
}

impl Prediction {
    /// The draft's share of the steps, the paper's `α`.
    pub fn acceptance_by_steps(&self) -> Option<f64> {
        self.waste().map(|waste| 1.0 - waste.deferral)
    }

    /// The draft's share of the tokens.
    pub fn acceptance_by_tokens(&self) -> Option<f64> {
        let (draft, target) = (self.sum(|problem| problem.draft_tokens), self.sum(|problem| problem.target_tokens));
        (draft + target > 0.0).then(|| draft / (draft + target))
    }

    /// Waste and deferral. The gain of every call is known.
    pub fn waste(&self) -> Option<Waste> {
        let escalated = self.sum(|problem| problem.escalated);
        Waste::of_counts(&WasteCounts {
            steps: self.sum(|problem| problem.steps as f64),
            escalated,
            judged: escalated,
            wasted: self.sum(|problem| problem.wasted),
        })
    }

    /// Mean probability of a right answer; `None` where it is not predicted for every problem.
    pub fn accuracy(&self) -> Option<f64> {
        let right: Vec<f64> = self.problems.iter().map(|problem| problem.right).collect::<Option<_>>()?;
        (!right.is_empty()).then(|| right.iter().sum::<f64>() / right.len() as f64)
    }

    /// Mean seconds per problem on `hardware`; `None` without a problem. For the machine of the collection, give the hardware
    /// [measured](crate::cost::measured) from its trace.
    pub fn seconds(&self, hardware: &Hardware, reuse: Reuse) -> Option<f64> {
        let count = self.problems.len();
        let work: WorkCounts = self.problems.iter().map(|problem| problem.work).sum();
        (count > 0).then(|| hardware.seconds(&work, reuse) / count as f64)
    }

    pub(super) fn sum(&self, figure: impl Fn(&PredictedProblem) -> f64) -> f64 {
        self.problems.iter().map(figure).sum()
    }
}

#[cfg(test)]
mod tests;
