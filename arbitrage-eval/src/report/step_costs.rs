//! Mean seconds of the parts of a step.

use arbitrage_core::Usage;
use arbitrage_router::Policy;
use arbitrage_router::calibrate::StepSeconds;

use super::PolicyRun;
use crate::cost::{DecisionWork, measured};

/// Mean seconds per step: draft and decision as in the family's runs, the target as in its run alone. `None` for the two models alone, which
/// make no decisions, for the oracle, which writes every step twice, and for policies that look ahead, whose steps are not all drafted
/// once.
pub(crate) fn step_seconds(family: &[PolicyRun], target: &PolicyRun) -> Option<StepSeconds> {
    let is_other = matches!(family[0].policy, Some(Policy::Draft | Policy::Target | Policy::Oracle(_)));
    if is_other || family[0].looks_ahead() {
        return None;
    }
    let (routed, alone) = (usage(family), usage(std::slice::from_ref(target)));
    let hardware = measured("this machine", &(routed + alone), DecisionWork::Nothing).ok()?;
    let drafted = routed.draft.calls as f64;
    let draft = routed.draft.decoded as f64 / drafted;
    let target = alone.target.decoded as f64 / alone.target.calls as f64;
    let seconds = hardware.step_seconds(draft, target, routed.router_seconds / drafted);
    seconds.check().ok().map(|()| seconds)
}

/// The summed usage of all timed problems.
fn usage(runs: &[PolicyRun]) -> Usage {
    let problems = runs.iter().flat_map(|run| run.results.problems());
    problems.filter(|problem| problem.timed_seconds().is_some()).map(|problem| problem.usage).sum()
}
