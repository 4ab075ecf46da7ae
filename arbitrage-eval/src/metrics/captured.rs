//! Which share of the oracle's gain a policy brings.

use arbitrage_router::Policy;
use arbitrage_router::metrics::{Bootstrap, Budget, CapturedAdvantage, Clusters};

use super::Range;
use crate::replay::{Dump, Place, ReplayError, inclination};

/// Captured advantage of a policy at a budget of calls: `Σ Δ` over the places that it would escalate first, between that of random
/// calls, 0, and the oracle's, 1. The policy's threshold does not matter, only the order in which it prefers steps. `None` where the
/// oracle is no better than random.
///
/// # Errors
/// [`ReplayError`] where places lack what the policy decides by, for policies that prefer no step to another, and for a budget that is
/// out of range.
pub fn captured(
    dump: &Dump,
    policy: &Policy,
    budget: Budget,
    bootstrap: &Bootstrap,
) -> Result<Option<Range>, ReplayError> {
    let estimates = dump.places().map(|(id, place)| inclination(policy, id, place)).collect::<Result<Vec<_>, _>>()?;
    let advantages: Vec<f32> = dump.places().map(|(_, place)| Place::advantage(place)).collect();
    let captured = CapturedAdvantage::new(&estimates, &advantages)?;
    captured.at(budget)?;
    let problems = Clusters::new(dump.places().map(|(id, _)| id));
    Ok(bootstrap.interval(&problems, |weights| captured.weighted(weights, budget)).map(Range::from))
}
