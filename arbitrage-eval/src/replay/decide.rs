//! Decisions of a policy on collected steps, by the policy's [`ThresholdRule`].

use arbitrage_core::Route;
use arbitrage_core::router::{Signal, ThresholdRule};
use arbitrage_router::Policy;

use super::{PairedSolution, ReplayError, StepPair};

/// Probability that each step of the problem is escalated: 0 or 1, or the rate of a random policy.
///
/// # Errors
/// [`ReplayError::Signal`] where a step lacks the signal that the policy compares; [`ReplayError::Policy`] for a threshold that is missing,
/// NaN or out of range.
pub(super) fn escalations(policy: &Policy, problem: &PairedSolution) -> Result<Vec<f64>, ReplayError> {
    let unsupported = |expected| ReplayError::Policy { policy: policy.to_string(), expected };
    policy.check(None).map_err(|_| unsupported("a threshold in the policy's range"))?;
    let constant = |probability: f64| Ok(vec![probability; problem.pairs.len()]);
    match *policy {
        Policy::Draft => constant(0.0),
        Policy::Target => constant(1.0),
        Policy::Random(rate) => constant(f64::from(rate)),
        Policy::MeanLogprob(_)
        | Policy::FirstTokenEntropy(_)
        | Policy::Rsd(_)
        | Policy::Oracle(_)
        | Policy::Learned(_)
        | Policy::Custom { .. } => {
            let rule = rule(policy)?;
            let tau = policy.threshold().ok_or_else(|| unsupported("a threshold, such as `:0.5` after its name"))?;
            let escalation = |pair: &StepPair| {
                let route = rule.decide(signal(&rule, &problem.id, pair)?, tau);
                Ok(if route == Route::Escalate { 1.0 } else { 0.0 })
            };
            problem.pairs.iter().map(escalation).collect()
        }
    }
}

/// A score by which the policy ranks steps at any threshold: it escalates those with the highest score first. A random policy gives all
/// steps the same.
///
/// # Errors
/// As for [`escalations`]; [`ReplayError::Policy`] also for the policies that do not rank steps.
pub(super) fn escalation_score(policy: &Policy, id: &str, pair: &StepPair) -> Result<f32, ReplayError> {
    if matches!(policy, Policy::Random(_)) {
        return Ok(0.0);
    }
    let rule = rule(policy)?;
    Ok(rule.escalation_score(signal(&rule, id, pair)?))
}

fn rule(policy: &Policy) -> Result<ThresholdRule, ReplayError> {
    let expected = "a policy that compares a signal with a threshold";
    policy.rule().ok_or_else(|| ReplayError::Policy { policy: policy.to_string(), expected })
}

/// The value that the rule compares with the threshold.
fn signal(rule: &ThresholdRule, id: &str, pair: &StepPair) -> Result<f32, ReplayError> {
    let missing = |signal| ReplayError::Signal { problem: id.to_owned(), step: pair.index, signal };
    match rule.signal {
        Signal::MeanLogprob => pair.mean_logprob.ok_or_else(|| missing("log-probability of the draft")),
        Signal::FirstTokenEntropy => pair.first_entropy.ok_or_else(|| missing("first-token entropy of the draft")),
        Signal::DraftScore => Ok(pair.rsd_decision_score()),
        Signal::Advantage => Ok(pair.advantage()),
        Signal::Estimate => pair.estimate.ok_or_else(|| missing("estimate of the trained router")),
        Signal::Uniform => Err(missing("random number of the run")),
    }
}
