//! What a policy decides at a place.

use arbitrage_router::Policy;

use super::{Collected, Place, ReplayError};

/// Probability that each of the problem's places is escalated: 0 or 1, or the rate of a random policy. The rules are those of the
/// routers in [`arbitrage_core::router`].
///
/// # Errors
/// [`ReplayError::Signal`] where a place lacks what the policy decides by; [`ReplayError::Policy`] for a threshold that is none.
pub(super) fn escalations(policy: &Policy, problem: &Collected) -> Result<Vec<f64>, ReplayError> {
    check(policy)?;
    let certain = |escalates: bool| f64::from(u8::from(escalates));
    let decide = |place: &Place| {
        let missing = |signal| ReplayError::Signal { problem: problem.id.clone(), step: place.index, signal };
        Ok(match *policy {
            Policy::Draft => 0.0,
            Policy::Target => 1.0,
            Policy::Random(rate) => f64::from(rate),
            Policy::MeanLogprob(tau) => certain(place.mean_logprob.ok_or_else(|| missing(LOGPROBS))? < tau),
            Policy::FirstTokenEntropy(tau) => certain(place.first_entropy.ok_or_else(|| missing(ENTROPY))? > tau),
            Policy::Rsd(tau) => certain(place.rsd_score() <= tau),
            Policy::Oracle(tau) => certain(place.advantage() > tau),
            Policy::Learned(Some(tau)) => certain(place.estimate.ok_or_else(|| missing(ESTIMATE))? > tau),
            _ => return Err(unknown(policy)),
        })
    };
    problem.places.iter().map(decide).collect()
}

const LOGPROBS: &str = "log-probability of the draft";
const ENTROPY: &str = "first-token entropy of the draft";
const ESTIMATE: &str = "estimate of the trained router";

fn check(policy: &Policy) -> Result<(), ReplayError> {
    let wrong = |expected| Err(ReplayError::Policy { policy: policy.to_string(), expected });
    match *policy {
        Policy::Random(rate) if !(0.0..=1.0).contains(&rate) => wrong("a rate in 0..=1"),
        Policy::Learned(None) => wrong("a threshold, since a replay knows no router's own"),
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
    ReplayError::Policy { policy: policy.to_string(), expected: "a policy that replays know" }
}

/// How much the policy would rather escalate this place than others, whatever its threshold: it escalates the greatest first. A random
/// policy is as inclined to all.
///
/// # Errors
/// As for [`escalations`]; [`ReplayError::Policy`] also for the policies that have no order.
pub(crate) fn inclination(policy: &Policy, id: &str, place: &Place) -> Result<f32, ReplayError> {
    let missing = |signal| ReplayError::Signal { problem: id.to_owned(), step: place.index, signal };
    Ok(match policy {
        Policy::Random(_) => 0.0,
        Policy::MeanLogprob(_) => -place.mean_logprob.ok_or_else(|| missing(LOGPROBS))?,
        Policy::FirstTokenEntropy(_) => place.first_entropy.ok_or_else(|| missing(ENTROPY))?,
        Policy::Rsd(_) => -place.rsd_score(),
        Policy::Oracle(_) => place.advantage(),
        Policy::Learned(_) => place.estimate.ok_or_else(|| missing(ESTIMATE))?,
        _ => return Err(ReplayError::Policy { policy: policy.to_string(), expected: "one that prefers some steps" }),
    })
}
