//! The drafter's calls in an iteration: for the current step, and ahead for the step after it.

use std::time::Instant;

use super::sequence::ActiveSequence;
use super::step_state::{BatchCall, StepState, checked_drafts, select};
use crate::{Drafter, Limits, Prefix, Role, SeveralDrafts, Step, StepRule, StepsResult};

/// The drafter, and how many drafts of a step it writes. It is kept apart from verifier and router, since it may work on another
/// thread at the same time.
pub(super) struct DraftStage<D> {
    pub(super) drafter: D,
    /// `None` for one draft.
    pub(super) several: Option<SeveralDrafts>,
    /// Whether the best draft is chosen by the router, so that a step which it has decided already gets one draft.
    pub(super) is_chosen_by_router: bool,
}

impl<D: Drafter> DraftStage<D> {
    /// Drafts the current step of every sequence that needs a draft and has none yet.
    pub(super) fn draft_steps(&mut self, active: &[ActiveSequence], states: &mut [StepState], rule: &StepRule<'_>) {
        let needs_draft = |state: &StepState| !state.is_escalated() && state.drafts.is_empty();
        let wants_several = |state: &StepState| !(self.is_chosen_by_router && state.decision.is_some());
        let selected = select(active, states, needs_draft);
        let (several, single): (Vec<usize>, Vec<usize>) = match self.several {
            Some(_) => selected.into_iter().partition(|&index| wants_several(&states[index])),
            None => (Vec::new(), selected),
        };
        self.write(None, active, &single, states, rule);
        self.write(self.several, active, &several, states, rule);
    }

    /// Writes one draft for each selected sequence, or `several`.
    fn write(
        &mut self,
        several: Option<SeveralDrafts>,
        active: &[ActiveSequence],
        selected: &[usize],
        states: &mut [StepState],
        rule: &StepRule<'_>,
    ) {
        if selected.is_empty() {
            return;
        }
        let start = Instant::now();
        let prefixes: Vec<_> = selected.iter().map(|&index| active[index].prefix()).collect();
        let answers = self.call(several, &prefixes, rule);
        let seconds = start.elapsed().as_secs_f64();
        let call = BatchCall { active, selected, role: Role::Drafter, name: self.drafter.name(), seconds };
        call.store_drafts(states, answers, count(several), rule);
    }

    fn call(
        &mut self,
        several: Option<SeveralDrafts>,
        prefixes: &[Prefix<'_>],
        rule: &StepRule<'_>,
    ) -> Vec<StepsResult> {
        match several {
            Some(drafts) => self.drafter.draft_several(prefixes, drafts, rule),
            None => self.drafter.draft(prefixes, rule).into_iter().map(|step| Ok(vec![step?])).collect(),
        }
    }

    /// Drafts the step after each draft that is assumed accepted. A draft that fails is left out: the drafter is called again in
    /// the next iteration, and only a failure there counts, as it would without drafting ahead.
    pub(super) fn draft_ahead(
        &mut self,
        active: &[ActiveSequence],
        assumed: &[usize],
        rule: &StepRule<'_>,
    ) -> Vec<Vec<Step>> {
        let start = Instant::now();
        let prefixes: Vec<_> = assumed.iter().map(|&index| active[index].assumed_prefix()).collect();
        let answers = self.call(self.several, &prefixes, rule);
        if answers.len() != assumed.len() {
            return Vec::new();
        }
        let seconds = start.elapsed().as_secs_f64() / assumed.len() as f64;
        let checked = |steps| checked_drafts(steps, count(self.several), rule, seconds).unwrap_or_default();
        answers.into_iter().map(checked).collect()
    }
}

/// How many drafts of a step are written.
fn count(several: Option<SeveralDrafts>) -> usize {
    several.map_or(1, |drafts| drafts.count())
}

/// Assumes that the drafts will be accepted, and returns the indices of the sequences that can go on after them. There are none
/// if neither router nor target has work in this iteration, since drafting ahead would then save no time.
pub(super) fn assume_accepted(active: &mut [ActiveSequence], states: &[StepState], limits: &Limits) -> Vec<usize> {
    if select(active, states, |state| state.decision.is_none() || state.is_escalated()).is_empty() {
        return Vec::new();
    }
    let mut selected = select(active, states, |state| state.draft.is_some() && !state.is_escalated());
    selected.retain(|&index| {
        let draft = states[index].draft.as_ref();
        draft.is_some_and(|draft| active[index].assume_accepted(draft, limits))
    });
    selected
}
