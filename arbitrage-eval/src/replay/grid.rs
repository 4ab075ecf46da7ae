//! Evenly spaced thresholds.

use arbitrage_router::Policy;

use super::decide::escalation_score;
use super::{PairedTrace, ReplayError};

/// The policy at up to `count` thresholds, at which it escalates shares `1 / (count + 1)`, `2 / (count + 1)` and so on of the collection's
/// steps. There are fewer thresholds where it gives many steps the same score. Policies without a threshold are returned unchanged.
///
/// # Errors
/// [`ReplayError::Signal`] where a step lacks the signal that the policy compares.
pub fn grid(trace: &PairedTrace, policy: Policy, count: usize) -> Result<Vec<Policy>, ReplayError> {
    let share = |at: usize| at as f64 / (count + 1) as f64;
    let Some(rule) = policy.rule() else { return Ok(vec![policy]) };
    if let Policy::Random(_) = policy {
        return Ok((1..=count).map(|at| Policy::Random(share(at) as f32)).collect());
    }
    let mut scores =
        trace.step_pairs().map(|(id, pair)| escalation_score(&policy, id, pair)).collect::<Result<Vec<f32>, _>>()?;
    scores.sort_by(|one, other| other.total_cmp(one));
    let mut found: Vec<Policy> = Vec::new();
    for at in 1..=count {
        let escalated = ((share(at) * scores.len() as f64).round() as usize).clamp(1, scores.len());
        let last = scores[escalated - 1];
        let next = scores.iter().copied().find(|score| *score < last);
        let tau = rule.threshold_between(last, next, Some((0.0, trace.max_score)));
        let invalid = |_| ReplayError::Policy { policy: policy.to_string(), expected: "a policy with a threshold" };
        if found.last().and_then(Policy::threshold) != Some(tau) {
            found.push(policy.with_threshold(tau).map_err(invalid)?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::replay;
    use super::super::testing::paired_trace;
    use super::*;

    #[test]
    fn shares_are_even_where_scores_differ() {
        let mut trace = paired_trace("oracle:0", 40).with_estimates(|_, pair| Some(pair.draft.score));
        // The babblers report no entropies.
        for pair in trace.problems.iter_mut().flat_map(|problem| &mut problem.pairs) {
            pair.first_entropy = pair.mean_logprob.map(|mean| -mean);
        }
        let steps = trace.step_pairs().count() as f64;
        for name in ["rsd", "logprob", "entropy", "oracle", "learned:0.5", "random"] {
            let policies = grid(&trace, name.parse().unwrap(), 4).unwrap();
            assert!(!policies.is_empty() && policies.len() <= 4, "{name}: {policies:?}");
            let mut before = 0.0;
            for policy in policies {
                let escalated = 1.0 - replay(&trace, &policy).unwrap().acceptance_by_steps().unwrap();
                assert!(escalated > before - 1e-9 && escalated >= 0.2 - 1.0 / steps, "{policy}: {escalated}");
                before = escalated;
            }
        }
        assert_eq!(grid(&trace, Policy::Target, 4).unwrap(), [Policy::Target]);
    }
}
