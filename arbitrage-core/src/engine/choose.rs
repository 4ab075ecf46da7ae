//! Between drafting and routing: of several drafts of a step, the best one is chosen.

use std::time::Instant;

use super::route::RouteStage;
use super::sequence::ActiveSequence;
use super::step_state::{BatchCall, OnRouterError, StepState, checked_decision, select};
use crate::error::ScoreError;
use crate::router::ThresholdRule;
use crate::scorer::score_each;
use crate::{AdvantageRouter, BoxError, Candidate, ChooseBy, Decision, EngineError, Role, Route, Step};

/// What a draft is compared by.
pub(super) struct DraftValue {
    /// The number that is recorded.
    pub(super) value: f32,
    /// The greater, the better the draft.
    preference: f32,
    /// The router's decision about the draft, where the router was asked.
    pub(super) decision: Option<Decision>,
}

impl DraftValue {
    fn new(value: f32) -> Self {
        Self { value, preference: value, decision: None }
    }

    fn of_decision(decision: Decision, rule: &ThresholdRule) -> Result<Self, BoxError> {
        let value = decision.estimate.ok_or("the router gives no estimate by which a draft could be chosen")?;
        Ok(Self { value, preference: -rule.escalation_score(value), decision: Some(decision) })
    }
}

/// The answers about all drafts, and who gave them.
struct DraftValues {
    role: Role,
    name: String,
    answers: Vec<Result<DraftValue, BoxError>>,
}

impl<V, R: AdvantageRouter> RouteStage<V, R> {
    /// Gives every sequence one draft. `drafter` is the drafter's name.
    pub(super) fn choose(&mut self, drafter: &str, active: &[ActiveSequence], states: &mut [StepState]) {
        let is_by_router = matches!(self.chooser, Some(ChooseBy::Estimate(_)));
        for state in states.iter_mut() {
            if state.drafts.len() == 1 || is_by_router && state.decision.is_some() {
                state.take_first_draft();
            }
        }
        let selected = select(active, states, |state| state.drafts.len() > 1);
        if selected.is_empty() {
            return;
        }
        let owners = || selected.iter().flat_map(|&index| std::iter::repeat_n(index, states[index].drafts.len()));
        let owners: Vec<usize> = owners().collect();
        let candidates: Vec<Candidate<'_>> = selected
            .iter()
            .flat_map(|&index| {
                let prefix = active[index].prefix();
                states[index].drafts.iter().map(move |draft| Candidate { prefix, draft, target: None })
            })
            .collect();
        let start = Instant::now();
        let DraftValues { role, name, answers } = self.values(drafter, &candidates);
        let seconds = start.elapsed().as_secs_f64();
        let call = BatchCall { active, selected: &owners, role, name: &name, seconds };
        let mut answers = call.match_answers(answers).map(|(_, answer)| answer).collect::<Vec<_>>().into_iter();
        for index in selected {
            let count = states[index].drafts.len();
            let values: Vec<_> = answers.by_ref().take(count).collect();
            states[index].router_seconds += call.seconds_per_sequence() * count as f64;
            self.store_choice(&mut states[index], values.into_iter().collect());
        }
    }

    /// What each draft is compared by, in one call of the router or the scorer.
    fn values(&mut self, drafter: &str, candidates: &[Candidate<'_>]) -> DraftValues {
        match &mut self.chooser {
            Some(ChooseBy::Estimate(rule)) => {
                let answers = self.router.route_batch(candidates).into_iter();
                let value = |answer: Result<Decision, BoxError>| {
                    answer.and_then(checked_decision).and_then(|decision| DraftValue::of_decision(decision, rule))
                };
                DraftValues { role: Role::Router, name: self.router.name(), answers: answers.map(value).collect() }
            }
            Some(ChooseBy::Score(scorer)) => {
                let steps: Vec<_> = candidates.iter().map(|candidate| (candidate.prefix, candidate.draft)).collect();
                let scores = score_each(scorer, &steps).into_iter();
                let answers = scores.map(|score| score.map(DraftValue::new)).collect();
                DraftValues { role: Role::Scorer, name: scorer.name(), answers }
            }
            Some(ChooseBy::Logprob) | None => {
                let answers = candidates.iter().map(|candidate| mean_logprob(candidate.draft)).collect();
                DraftValues { role: Role::Drafter, name: drafter.to_owned(), answers }
            }
        }
    }

    /// Takes the best draft. Where the router failed on one of them, the sequence ends or the step is escalated, as for one draft.
    fn store_choice(&self, state: &mut StepState, values: Result<Vec<DraftValue>, EngineError>) {
        match (values, &self.chooser, self.on_router_error) {
            (Ok(values), ..) => {
                let chosen = best(&values);
                state.decision = values[chosen].decision.or(state.decision);
                state.choose(chosen, values.iter().map(|one| Some(one.value)));
            }
            (Err(error), Some(ChooseBy::Estimate(_)), OnRouterError::Escalate) => {
                state.router_error = Some(error.to_string());
                state.decision = Some(Route::Escalate.into());
                state.choose(0, std::iter::repeat(None));
            }
            (Err(error), ..) => state.error = Some(error),
        }
    }
}

/// The first of the drafts with the greatest preference.
fn best(values: &[DraftValue]) -> usize {
    let better = |best: usize, at: usize| if values[at].preference > values[best].preference { at } else { best };
    (0..values.len()).fold(0, better)
}

fn mean_logprob(draft: &Step) -> Result<DraftValue, BoxError> {
    let of_empty = draft.text.is_empty().then_some(0.0);
    let mean = draft.mean_logprob().or(of_empty).ok_or(ScoreError::Signal { signal: "log-probabilities" })?;
    Ok(DraftValue::new(mean))
}
