//! The thresholds that a calibration tests.

use arbitrage_core::trace::Trace;
use arbitrage_router::Policy;

use super::LossError;
use super::paired_runs::safest_first;

/// Share of the steps that the last threshold but one escalates. The last one escalates none.
const LEAST_SHARE: f64 = 0.05;

/// How the thresholds are chosen that a calibration tests.
#[derive(Clone, Debug, PartialEq)]
pub enum TauGrid {
    /// The safest threshold of the policy, and up to so many others, each of which escalates the same share less than the one before it,
    /// by the router's estimates on a tenth of the problems. These are not counted afterwards, since thresholds must not depend on the
    /// problems that they are tested on.
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

/// The safest threshold, then up to `count` others, at which ever fewer of the steps in `trace` are escalated, down to none, each time by
/// about the same share of those before.
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
    // From one threshold to the next the target's work falls by the same share: evenly spaced quantiles would take large steps where
    // few steps are escalated, which is where the choice matters.
    let shares = (1..count).map(|at| LEAST_SHARE.powf(at as f64 / (count - 1) as f64));
    for share in shares.chain((count > 0).then_some(0.0)) {
        let escalated = (share * scores.len() as f64) as usize;
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

#[cfg(test)]
mod tests {
    use arbitrage_core::trace::Record;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_threshold_escalates_the_same_share_less() {
        let records = (0..1000).map(|at| {
            json!({
                "kind": "step", "problem": format!("p-{at}"), "index": 0, "author": "draft",
                "decision": { "route": "accept", "estimate": at as f32 / 1000.0 },
                "draft": { "text": "a", "tokens": [1], "finish": "boundary" }, "router_seconds": 0.0,
            })
        });
        let records = records.map(|record| serde_json::from_value::<Record>(record).unwrap());
        let trace = Trace::from_records(records).unwrap();
        let policy: Policy = "learned".parse().unwrap();
        let taus = quantiles(policy, &trace, 20).unwrap();
        let escalated: Vec<usize> =
            taus.iter().map(|tau| (0..1000).filter(|at| *at as f32 / 1000.0 > *tau).count()).collect();
        assert_eq!((escalated[0], escalated[19], escalated[20]), (999, 50, 0));
        let ratios: Vec<f64> = escalated[..20].windows(2).map(|pair| pair[1] as f64 / pair[0] as f64).collect();
        assert!(ratios.iter().all(|ratio| (0.83..0.88).contains(ratio)), "{ratios:?}");
        assert_eq!(
            quantiles(policy, &trace, 1).unwrap().len(),
            2,
            "the safest one, and the one that escalates nothing"
        );
    }
}
