//! The drafter's two calls: in its turn, and ahead of it.

use std::time::Instant;

use super::live::Live;
use super::turn::{self, Part, Turn, choose};
use crate::{Drafter, Limits, Role, Step, StepRule};

/// Has a step drafted for every turn that wants one and has none yet.
pub(super) fn draft(drafter: &mut impl Drafter, live: &[Live], turns: &mut [Turn], rule: &StepRule<'_>) {
    let chosen = choose(turns, |turn| !turn.is_escalated() && turn.draft.is_none());
    if chosen.is_empty() {
        return;
    }
    let start = Instant::now();
    let prefixes: Vec<_> = chosen.iter().map(|&at| live[at].prefix()).collect();
    let steps = drafter.draft(&prefixes, rule);
    let seconds = start.elapsed().as_secs_f64();
    let part = Part { role: Role::Drafter, name: drafter.name() };
    turn::store_steps(live, turns, &chosen, steps, seconds, part, |turn| &mut turn.draft);
}

/// Supposes that the drafts will be accepted, and gives the positions of those that a step can follow. None where neither
/// router nor target has work in this turn, which the drafter's could overlap with.
pub(super) fn suppose(live: &mut [Live], turns: &[Turn], limits: &Limits) -> Vec<usize> {
    if choose(turns, |turn| turn.decision.is_none() || turn.is_escalated()).is_empty() {
        return Vec::new();
    }
    let mut chosen = choose(turns, |turn| turn.draft.is_some());
    chosen.retain(|&at| turns[at].draft.as_ref().is_some_and(|draft| live[at].suppose(draft, limits)));
    chosen
}

/// Has the steps behind the supposed ones drafted. An answer that is no step is none at all: the drafter is asked again
/// in its turn, where it may fail as it would have failed without having been asked before.
pub(super) fn draft_ahead(
    drafter: &mut impl Drafter,
    live: &[Live],
    supposed: &[usize],
    rule: &StepRule<'_>,
) -> Vec<Option<Step>> {
    let start = Instant::now();
    let prefixes: Vec<_> = supposed.iter().map(|&at| live[at].supposed_prefix()).collect();
    let steps = drafter.draft(&prefixes, rule);
    if steps.len() != supposed.len() {
        return Vec::new();
    }
    let share = start.elapsed().as_secs_f64() / supposed.len() as f64;
    steps.into_iter().map(|step| turn::checked_step(step, share).ok()).collect()
}
