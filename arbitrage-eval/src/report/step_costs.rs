//! What a step costs each part: by which of them a family saves time, or does not.

use arbitrage_core::Usage;
use arbitrage_router::Policy;
use arbitrage_router::calibrate::StepSeconds;

use super::Run;
use crate::cost::{Judge, measured};

/// Mean seconds a step: drafted and judged as in the family's runs, written by the target as in the run of it alone. `None` where
/// nothing is drafted or nobody decides, and for the oracle, which writes every step twice.
pub fn step_seconds(family: &[Run], target: &Run) -> Option<StepSeconds> {
    if matches!(family[0].policy?, Policy::Draft | Policy::Target | Policy::Oracle(_)) {
        return None;
    }
    let (spent, alone) = (usage(family), usage(std::slice::from_ref(target)));
    let hardware = measured("this", &(spent + alone), Judge::Nothing).ok()?;
    let drafted = spent.draft.calls as f64;
    let draft = spent.draft.decoded as f64 / drafted;
    let target = alone.target.decoded as f64 / alone.target.calls as f64;
    let seconds = hardware.step_seconds(draft, target, spent.router_seconds / drafted);
    seconds.check().ok().map(|()| seconds)
}

/// What all timed problems cost together.
fn usage(runs: &[Run]) -> Usage {
    let problems = runs.iter().flat_map(|run| run.results.problems());
    problems.filter(|problem| problem.timed_seconds().is_some()).map(|problem| problem.usage).sum()
}
