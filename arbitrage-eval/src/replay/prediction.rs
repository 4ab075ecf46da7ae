//! What a policy is predicted to do.

use arbitrage_router::Policy;
use serde::{Deserialize, Serialize};

use super::accuracy::AccuracyModel;
use super::decide::escalations;
use super::expect::{Habits, work};
use super::{Collected, Dump, ReplayError};
use crate::cost::{Hardware, Reuse, Work};
use crate::metrics::{CompareError, Curve, Sample, Waste};

/// What a policy is predicted to do, problem by problem. Counts are expectations and need not be whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Prediction {
    /// The policy, with its threshold.
    pub policy: Policy,
    /// The dump's problems, by id.
    pub problems: Vec<Predicted>,
}

/// What is predicted of one problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Predicted {
    /// The problem's id.
    pub id: String,
    /// Its steps, as many as were collected.
    pub steps: usize,
    /// Steps by the target.
    pub escalated: f64,
    /// Steps, of those, with `s_t ≤ s_d`.
    pub wasted: f64,
    /// Tokens of the draft that are kept.
    pub draft_tokens: f64,
    /// Tokens of the target that are kept.
    pub target_tokens: f64,
    /// What the models do.
    pub work: Work,
    /// Probability that the answer is right; `None` where the dump's grades do not tell, being all of one kind or none.
    pub right: Option<f64>,
}

/// Replays a policy along a dump.
///
/// # Errors
/// [`ReplayError::Signal`] where a place lacks what the policy decides by; [`ReplayError::Policy`] for a threshold that is none.
pub fn replay(dump: &Dump, policy: &Policy) -> Result<Prediction, ReplayError> {
    let model = AccuracyModel::fit(dump);
    let habits = Habits {
        drafts: !matches!(policy, Policy::Target),
        writes_both: matches!(policy, Policy::Oracle(_)),
        judge: policy.into(),
    };
    let predict = |problem| predict(problem, &escalations(policy, problem)?, habits, model.as_ref());
    let problems = dump.problems.iter().map(predict).collect::<Result<_, _>>()?;
    Ok(Prediction { policy: *policy, problems })
}

fn predict(
    problem: &Collected,
    escalations: &[f64],
    habits: Habits,
    model: Option<&AccuracyModel>,
) -> Result<Predicted, ReplayError> {
    let places = || problem.places.iter().zip(escalations);
    Ok(Predicted {
        id: problem.id.clone(),
        steps: problem.places.len(),
        escalated: escalations.iter().sum(),
        wasted: places().filter(|(place, _)| place.advantage() <= 0.0).map(|(_, escalated)| escalated).sum(),
        draft_tokens: places().map(|(place, escalated)| (1.0 - escalated) * place.draft.tokens as f64).sum(),
        target_tokens: places().map(|(place, escalated)| escalated * place.target.tokens as f64).sum(),
        work: work(problem, escalations, habits),
        right: model.map(|model| model.right(problem, escalations)),
    })
}

impl Prediction {
    /// Share of steps that the draft writes, the paper's `α`.
    pub fn acceptance_by_steps(&self) -> Option<f64> {
        self.waste().map(|waste| 1.0 - waste.deferral)
    }

    /// Share of tokens that the draft writes.
    pub fn acceptance_by_tokens(&self) -> Option<f64> {
        let (draft, target) = (self.sum(|problem| problem.draft_tokens), self.sum(|problem| problem.target_tokens));
        (draft + target > 0.0).then(|| draft / (draft + target))
    }

    /// Waste against deferral. It is known of every call.
    pub fn waste(&self) -> Option<Waste> {
        let (steps, escalated) = (self.sum(|problem| problem.steps as f64), self.sum(|problem| problem.escalated));
        Waste::expected(steps, escalated, (escalated, self.sum(|problem| problem.wasted)))
    }

    /// Mean probability that a problem is solved.
    pub fn accuracy(&self) -> Option<f64> {
        let right: Vec<f64> = self.problems.iter().map(|problem| problem.right).collect::<Option<_>>()?;
        (!right.is_empty()).then(|| right.iter().sum::<f64>() / right.len() as f64)
    }

    /// Mean seconds a problem on `hardware`; `None` without a problem. Costs as they were recorded are those of the hardware that was
    /// [measured](crate::cost::measured) on the dump.
    pub fn seconds(&self, hardware: &Hardware, reuse: Reuse) -> Option<f64> {
        let count = self.problems.len();
        let work: Work = self.problems.iter().map(|problem| problem.work).sum();
        (count > 0).then(|| hardware.seconds(&work, reuse) / count as f64)
    }

    pub(super) fn sum(&self, figure: impl Fn(&Predicted) -> f64) -> f64 {
        self.problems.iter().map(figure).sum()
    }
}

/// The curve of replayed policies, which differ in their thresholds, on `hardware`: latency against accuracy.
///
/// # Errors
/// [`CompareError::Empty`] without a prediction, [`CompareError::Problems`] for predictions from different dumps.
pub fn replay_curve(predictions: &[Prediction], hardware: &Hardware, reuse: Reuse) -> Result<Curve, CompareError> {
    let Some(first) = predictions.first() else { return Err(CompareError::Empty { what: "prediction" }) };
    let ids = |of: &Prediction| of.problems.iter().map(|problem| problem.id.clone()).collect::<Vec<_>>();
    let name = |of: &Prediction| of.policy.to_string();
    let sample =
        |problem: &Predicted| Sample { cost: Some(hardware.seconds(&problem.work, reuse)), right: problem.right };
    let known = ids(first);
    for other in predictions {
        crate::metrics::same_ids((&name(first), &known), (&name(other), &ids(other)))?;
    }
    let settings = predictions.iter().map(|of| (threshold(&of.policy), of.problems.iter().map(sample).collect()));
    let plain = name(first).split(':').next().unwrap_or_default().to_owned();
    Curve::from_samples(plain, known, settings.collect())
}

fn threshold(policy: &Policy) -> Option<f32> {
    policy.to_string().split_once(':').and_then(|(_, tau)| tau.parse().ok())
}

#[cfg(test)]
mod tests;
