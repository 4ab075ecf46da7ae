//! Thresholds worth looking at.

use arbitrage_router::Policy;

use super::{Dump, ReplayError, inclination};

/// The policy at up to `count` thresholds that escalate equal shares more of the dump's places, from a share of `1 / (count + 1)` on:
/// fewer where places are alike to it. Policies without a threshold come back as they are.
///
/// # Errors
/// [`ReplayError::Signal`] where a place lacks what the policy decides by.
pub fn grid(dump: &Dump, policy: Policy, count: usize) -> Result<Vec<Policy>, ReplayError> {
    let share = |at: usize| at as f64 / (count + 1) as f64;
    match policy {
        Policy::Draft | Policy::Target => return Ok(vec![policy]),
        Policy::Random(_) => return Ok((1..=count).map(|at| Policy::Random(share(at) as f32)).collect()),
        _ => {}
    }
    let mut inclined =
        dump.places().map(|(id, place)| inclination(&policy, id, place)).collect::<Result<Vec<f32>, _>>()?;
    inclined.sort_by(|one, other| other.total_cmp(one));
    let mut found: Vec<Policy> = Vec::new();
    for at in 1..=count {
        let escalated = ((share(at) * inclined.len() as f64).round() as usize).clamp(1, inclined.len());
        let next = at_threshold(policy, &inclined, escalated, dump.greatest);
        if found.last() != Some(&next) {
            found.push(next);
        }
    }
    Ok(found)
}

/// The policy that escalates the first `escalated` of the places, which stand in its order, and those that are like the last of them.
/// No score is above `greatest`.
fn at_threshold(policy: Policy, inclined: &[f32], escalated: usize, greatest: f32) -> Policy {
    let last = inclined[escalated - 1];
    // Most escalate above their threshold, RSD at it too.
    let below = inclined.iter().copied().find(|value| *value < last);
    match policy {
        Policy::Rsd(_) => Policy::Rsd(-last),
        Policy::MeanLogprob(_) => Policy::MeanLogprob(below.map_or(0.0, |value| -value)),
        Policy::FirstTokenEntropy(_) => Policy::FirstTokenEntropy(below.unwrap_or(0.0)),
        Policy::Oracle(_) => Policy::Oracle(below.unwrap_or(-greatest)),
        Policy::Learned(_) => Policy::Learned(Some(below.unwrap_or(0.0))),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::replay;
    use super::super::testing::dump;
    use super::*;

    #[test]
    fn shares_are_even_where_places_differ() {
        let mut dump = dump("oracle:0", 40).with_estimates(|_, place| Some(place.draft.score));
        // The babblers report no entropies.
        for place in dump.problems.iter_mut().flat_map(|problem| &mut problem.places) {
            place.first_entropy = place.mean_logprob.map(|mean| -mean);
        }
        let places = dump.places().count() as f64;
        for name in ["rsd", "logprob", "entropy", "oracle", "learned:0.5", "random"] {
            let policies = grid(&dump, name.parse().unwrap(), 4).unwrap();
            assert!(!policies.is_empty() && policies.len() <= 4, "{name}: {policies:?}");
            let mut before = 0.0;
            for policy in policies {
                let escalated = 1.0 - replay(&dump, &policy).unwrap().acceptance_by_steps().unwrap();
                assert!(escalated > before - 1e-9 && escalated >= 0.2 - 1.0 / places, "{policy}: {escalated}");
                before = escalated;
            }
        }
        assert_eq!(grid(&dump, Policy::Target, 4).unwrap(), [Policy::Target]);
    }
}
