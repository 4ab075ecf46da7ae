//! The share of the oracle's gain that a policy captures.

use arbitrage_router::Policy;
use arbitrage_router::metrics::{Bootstrap, CallBudget, CapturedAdvantage, Clusters};

use super::decide::escalation_score;
use super::{PairedTrace, ReplayError, StepPair};
use arbitrage_router::metrics::Interval;

/// Captured advantage of a policy at a budget of calls: `Σ Δ` over the steps that it would escalate first, scaled so that random calls get 0
/// and the oracle 1. The policy's threshold does not matter, only the order in which it prefers steps. `None` where the oracle is no better
/// than random.
///
/// # Errors
/// [`ReplayError`] where a step lacks the signal that the policy compares, for policies that do not rank steps, and for a budget that is
/// out of range.
pub fn captured(
    trace: &PairedTrace,
    policy: &Policy,
    budget: CallBudget,
    bootstrap: &Bootstrap,
) -> Result<Option<Interval>, ReplayError> {
    let estimates =
        trace.step_pairs().map(|(id, pair)| escalation_score(policy, id, pair)).collect::<Result<Vec<_>, _>>()?;
    let advantages: Vec<f32> = trace.step_pairs().map(|(_, pair)| StepPair::advantage(pair)).collect();
    let captured = CapturedAdvantage::new(&estimates, &advantages)?;
    captured.at(budget)?;
    let problems = Clusters::new(trace.step_pairs().map(|(id, _)| id));
    Ok(bootstrap.interval(&problems, |weights| captured.weighted(weights, budget)))
}
