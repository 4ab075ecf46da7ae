//! Solutions that another threshold does not change.

use arbitrage_core::router::ThresholdRule;
use arbitrage_core::trace::{Record, StepRecord, Trace, Trajectory};

/// The records of those problems of a run whose every decision is the same at the threshold `tau`. Decisions are all that a threshold
/// changes, and the same decisions lead to the same text, so that solving these problems again would give these records again, apart from
/// measured times. Problems that failed, and steps without an estimate, are never among them.
pub(super) fn unchanged(trace: Trace, rule: ThresholdRule, tau: f32) -> impl Iterator<Item = Vec<Record>> {
    let has_same_route = move |step: &StepRecord| {
        let same = |estimate| rule.decide(estimate, tau) == step.decision.route;
        step.router_error.is_none() && step.decision.estimate.is_some_and(same)
    };
    let is_unchanged = move |trajectory: &Trajectory| {
        let has_ended = trajectory.final_end().is_some_and(|end| end.error.is_none());
        has_ended && trajectory.steps.values().all(has_same_route)
    };
    trace.trajectories.into_values().filter(is_unchanged).map(|trajectory| {
        let end = trajectory.end.into_iter().map(Record::Solution);
        trajectory.steps.into_values().map(Record::Step).chain(end).collect()
    })
}
