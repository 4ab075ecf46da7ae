//! The drafter's two calls in an iteration: for the current step, and ahead for the step after it.

use std::time::Instant;

use super::sequence::ActiveSequence;
use super::step_state::{BatchCall, StepState, checked_step, select};
use crate::{Author, Drafter, Limits, Role, Step, StepRule};

/// Drafts the current step of every sequence that needs a draft and has none yet.
pub(super) fn draft_steps(
    drafter: &mut impl Drafter,
    active: &[ActiveSequence],
    states: &mut [StepState],
    rule: &StepRule<'_>,
) {
    let selected = select(active, states, |state| !state.is_escalated() && state.draft.is_none());
    if selected.is_empty() {
        return;
    }
    let start = Instant::now();
    let prefixes: Vec<_> = selected.iter().map(|&index| active[index].prefix()).collect();
    let answers = drafter.draft(&prefixes, rule);
    let seconds = start.elapsed().as_secs_f64();
    let call = BatchCall { active, selected: &selected, role: Role::Drafter, name: drafter.name(), seconds };
    call.store_steps(states, answers, Author::Draft, rule);
}

/// Assumes that the drafts will be accepted, and returns the indices of the sequences that can go on after them. There are none
/// if neither router nor target has work in this iteration, since drafting ahead would then save no time.
pub(super) fn assume_accepted(active: &mut [ActiveSequence], states: &[StepState], limits: &Limits) -> Vec<usize> {
    if select(active, states, |state| state.decision.is_none() || state.is_escalated()).is_empty() {
        return Vec::new();
    }
    let mut selected = select(active, states, |state| state.draft.is_some());
    selected.retain(|&index| {
        let draft = states[index].draft.as_ref();
        draft.is_some_and(|draft| active[index].assume_accepted(draft, limits))
    });
    selected
}

/// Drafts the step after each draft that is assumed accepted. A draft that fails is left out: the drafter is called again in the
/// next iteration, and only a failure there counts, as it would without drafting ahead.
pub(super) fn draft_ahead(
    drafter: &mut impl Drafter,
    active: &[ActiveSequence],
    assumed: &[usize],
    rule: &StepRule<'_>,
) -> Vec<Option<Step>> {
    let start = Instant::now();
    let prefixes: Vec<_> = assumed.iter().map(|&index| active[index].assumed_prefix()).collect();
    let answers = drafter.draft(&prefixes, rule);
    if answers.len() != assumed.len() {
        return Vec::new();
    }
    let seconds = start.elapsed().as_secs_f64() / assumed.len() as f64;
    answers.into_iter().map(|step| checked_step(step, rule, seconds).ok()).collect()
}
