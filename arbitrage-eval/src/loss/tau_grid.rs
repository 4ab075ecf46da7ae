//! The thresholds that a calibration tests.

use arbitrage_core::trace::Trace;
use arbitrage_router::Policy;

use super::LossError;
use super::paired_runs::safest_first;

/// How the thresholds are chosen that a calibration tests.
#[derive(Clone, Debug, PartialEq)]
pub enum TauGrid {
    /// The safest threshold of the policy, and up to so many others at evenly spaced quantiles of the router's estimates on a tenth of
    /// the problems. These are not counted afterwards, since thresholds must not depend on the problems that they are tested on.
    Quantiles(usize),
    /// These thresholds, chosen beforehand.
    Given(Vec<f32>),
}

/// Given thresholds, from the safest to the cheapest, without duplicates.
///
/// # Errors
/// [`LossError::Thresholds`] for a policy without a threshold, no thresholds, and thresholds out of the policy's range.
pub(super) fn given(policy: Policy, taus: &[f32]) -> Result<Vec<f32>, LossError> {
    let error = |reason: String| LossError::Thresholds { policy: policy.name().to_owned(), reason };
    let rule = policy.rule().ok_or_else(|| error("expected a policy with a threshold".to_owned()))?;
    if taus.is_empty() {
        return Err(error("expected at least one threshold, found none".to_owned()));
    }
    taus.iter().try_for_each(|tau| rule.check(*tau, None).map(drop)).map_err(|invalid| error(invalid.to_string()))?;
    let mut taus = taus.to_vec();
    taus.sort_by(|one, other| safest_first(&rule, *one, *other));
    taus.dedup();
    Ok(taus)
}

/// The threshold at which the policy escalates most.
///
/// # Errors
/// [`LossError::Thresholds`] for a policy without such a threshold.
pub(super) fn safest(policy: Policy) -> Result<f32, LossError> {
    let reason = "has no safest threshold that is known beforehand; give the thresholds to be tested".to_owned();
    let error = || LossError::Thresholds { policy: policy.name().to_owned(), reason };
    let rule = policy.rule().ok_or_else(error.clone())?;
    let (low, high) = rule.range.bounds(None);
    let safest = if safest_first(&rule, low, high).is_le() { low } else { high };
    if safest.is_finite() { Ok(safest) } else { Err(error()) }
}

/// The safest threshold, then up to `count` others, at which ever fewer of the steps in `trace` are escalated, down to none.
///
/// # Errors
/// [`LossError::Thresholds`] where the policy has no safest threshold, or the router gives no estimates.
pub(super) fn quantiles(policy: Policy, trace: &Trace, count: usize) -> Result<Vec<f32>, LossError> {
    let no_estimates = || LossError::Thresholds {
        policy: policy.name().to_owned(),
        reason: "gives no estimates of steps; give the thresholds to be tested".to_owned(),
    };
    let rule = policy.rule().ok_or_else(no_estimates)?;
    let steps = trace.trajectories.values().flat_map(|trajectory| trajectory.steps.values());
    let mut scores: Vec<f32> =
        steps.filter_map(|step| step.decision.estimate).map(|estimate| rule.escalation_score(estimate)).collect();
    scores.sort_by(|one, other| other.total_cmp(one));
    if scores.is_empty() {
        return Err(no_estimates());
    }
    let mut taus = vec![safest(policy)?];
    for at in (0..count).rev() {
        let escalated = at * scores.len() / count;
        let last = escalated.checked_sub(1).map(|last| scores[last]);
        let next = last.map_or(scores.first(), |last| scores.iter().find(|score| **score < last)).copied();
        // Above the greatest score nothing is escalated, so that the greatest one itself may take the place of the last.
        taus.push(rule.threshold_between(last.unwrap_or(f32::INFINITY), next, None));
    }
    taus.retain(|tau| tau.is_finite());
    taus.sort_by(|one, other| safest_first(&rule, *one, *other));
    taus.dedup();
    Ok(taus)
}
