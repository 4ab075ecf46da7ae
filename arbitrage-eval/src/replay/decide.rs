//! Decisions of a policy on collected steps.

use arbitrage_router::Policy;

use super::{PairedSolution, ReplayError, StepPair};

/// Probability that each step of the problem is escalated: 0 or 1, or the rate of a random policy. The rules are those of the routers in
/// [`arbitrage_core::router`].
///
/// # Errors
/// [`ReplayError::Signal`] where a step lacks the signal that the policy compares; [`ReplayError::Policy`] for a threshold that is missing,
/// NaN or out of range.
pub(super) fn escalations(policy: &Policy, problem: &PairedSolution) -> Result<Vec<f64>, ReplayError> {
    check(policy)?;
    let certain = |escalates: bool| f64::from(u8::from(escalates));
    let decide = |pair: &StepPair| {
        let missing = |signal| ReplayError::Signal { problem: problem.id.clone(), step: pair.index, signal };
        Ok(match *policy {
            Policy::Draft => 0.0,
            Policy::Target => 1.0,
            Policy::Random(rate) => f64::from(rate),
            Policy::MeanLogprob(tau) => certain(pair.mean_logprob.ok_or_else(|| missing(LOGPROBS))? < tau),
            Policy::FirstTokenEntropy(tau) => certain(pair.first_entropy.ok_or_else(|| missing(ENTROPY))? > tau),
            Policy::Rsd(tau) => certain(pair.rsd_decision_score() <= tau),
            Policy::Oracle(tau) => certain(pair.advantage() > tau),
            Policy::Learned(Some(tau)) => certain(pair.estimate.ok_or_else(|| missing(ESTIMATE))? > tau),
            _ => return Err(unknown(policy)),
        })
    };
    problem.pairs.iter().map(decide).collect()
}

const LOGPROBS: &str = "log-probability of the draft";
const ENTROPY: &str = "first-token entropy of the draft";
const ESTIMATE: &str = "estimate of the trained router";

fn check(policy: &Policy) -> Result<(), ReplayError> {
    let wrong = |expected| Err(ReplayError::Policy { policy: policy.to_string(), expected });
    match *policy {
        Policy::Random(rate) if !(0.0..=1.0).contains(&rate) => wrong("a rate in 0..=1"),
        Policy::Learned(None) => wrong("a threshold, since a replay cannot read the one of the router's card"),
        Policy::MeanLogprob(tau)
        | Policy::FirstTokenEntropy(tau)
        | Policy::Rsd(tau)
        | Policy::Oracle(tau)
        | Policy::Learned(Some(tau))
            if tau.is_nan() =>
        {
            wrong("a threshold that is a number")
        }
        _ => Ok(()),
    }
}

fn unknown(policy: &Policy) -> ReplayError {
    ReplayError::Policy { policy: policy.to_string(), expected: "a policy that can be replayed" }
}

/// A score by which the policy ranks steps at any threshold: it escalates those with the highest score first. A random policy gives all
/// steps the same.
///
/// # Errors
/// As for [`escalations`]; [`ReplayError::Policy`] also for the policies that do not rank steps.
pub(crate) fn escalation_score(policy: &Policy, id: &str, pair: &StepPair) -> Result<f32, ReplayError> {
    let missing = |signal| ReplayError::Signal { problem: id.to_owned(), step: pair.index, signal };
    Ok(match policy {
        Policy::Random(_) => 0.0,
        Policy::MeanLogprob(_) => -pair.mean_logprob.ok_or_else(|| missing(LOGPROBS))?,
        Policy::FirstTokenEntropy(_) => pair.first_entropy.ok_or_else(|| missing(ENTROPY))?,
        Policy::Rsd(_) => -pair.rsd_decision_score(),
        Policy::Oracle(_) => pair.advantage(),
        Policy::Learned(_) => pair.estimate.ok_or_else(|| missing(ESTIMATE))?,
        _ => return Err(ReplayError::Policy { policy: policy.to_string(), expected: "a policy that ranks steps" }),
    })
}
