//! The step that a sequence is writing in the current iteration, and how the components' answers are stored in it.

use super::sequence::ActiveSequence;
use crate::trace::{DraftCandidate, DraftChoice, StepRecord};
use crate::{Author, BoxError, Decision, EngineError, Role, Route, Step, StepCost, StepResult, StepRule, StepsResult};

/// What a sequence's current iteration has produced so far.
#[derive(Default)]
pub(super) struct StepState {
    /// The drafts of which none has been chosen yet.
    pub(super) drafts: Vec<Step>,
    /// The draft, or the chosen one of several.
    pub(super) draft: Option<Step>,
    /// What the draft was chosen from, where there were several.
    pub(super) choice: Option<DraftChoice>,
    pub(super) target: Option<Step>,
    pub(super) decision: Option<Decision>,
    pub(super) router_seconds: f64,
    pub(super) router_error: Option<String>,
    /// The drafts of the step after the draft, written ahead. They are used if the draft is accepted, and discarded otherwise.
    pub(super) next_drafts: Vec<Step>,
    /// Cost of a step that was drafted ahead and is not used.
    pub(super) discarded: Option<StepCost>,
    /// The error that will end the sequence.
    pub(super) error: Option<EngineError>,
}

impl StepState {
    pub(super) fn is_escalated(&self) -> bool {
        self.decision.is_some_and(|decision| decision.route == Route::Escalate)
    }

    /// Takes the first draft without a choice. Others can only have been written ahead, and are discarded.
    pub(super) fn take_first_draft(&mut self) {
        let mut drafts = std::mem::take(&mut self.drafts).into_iter();
        self.draft = drafts.next();
        self.discarded = total_cost(drafts.as_slice()).or(self.discarded);
    }

    /// Takes the draft `chosen`, and records all of them with the values that they were compared by.
    pub(super) fn choose(&mut self, chosen: usize, values: impl Iterator<Item = Option<f32>>) {
        let drafts = std::mem::take(&mut self.drafts);
        let candidate =
            |(draft, value): (&Step, _)| DraftCandidate { text: draft.text.clone(), value, cost: draft.cost };
        let candidates = drafts.iter().zip(values).map(candidate).collect();
        self.choice = Some(DraftChoice { chosen, candidates });
        self.draft = drafts.into_iter().nth(chosen);
    }

    /// The record of step `index` of `problem`, committed under `decision`.
    pub(super) fn into_record(self, problem: String, index: usize, decision: Decision) -> StepRecord {
        let (author, wasted) = match decision.route {
            Route::Accept => (Author::Draft, None),
            Route::Escalate => (Author::Target, decision.wasted()),
        };
        StepRecord {
            problem,
            index,
            author,
            decision,
            draft: self.draft,
            choice: self.choice,
            target: self.target,
            router_seconds: self.router_seconds,
            router_error: self.router_error,
            wasted,
            discarded: self.discarded,
        }
    }
}

/// The cost of all of `steps`; `None` if there are none.
pub(super) fn total_cost(steps: &[Step]) -> Option<StepCost> {
    (!steps.is_empty()).then(|| steps.iter().map(|step| step.cost).sum())
}

/// Indices of the open sequences whose current step has not failed and satisfies `condition`.
pub(super) fn select(
    active: &[ActiveSequence],
    states: &[StepState],
    condition: impl Fn(&StepState) -> bool,
) -> Vec<usize> {
    let is_selected = |(sequence, state): (&ActiveSequence, &StepState)| {
        sequence.end.is_none() && state.error.is_none() && condition(state)
    };
    let pairs = active.iter().zip(states).enumerate();
    pairs.filter(|(_, pair)| is_selected(*pair)).map(|(index, _)| index).collect()
}

/// What happens to a sequence whose router fails.
#[derive(Clone, Copy, Debug)]
pub(super) enum OnRouterError {
    EndSequence,
    Escalate,
}

/// One call to a component: for which sequences it was, who answered, and how long it took.
pub(super) struct BatchCall<'a> {
    pub(super) active: &'a [ActiveSequence],
    /// Indices of the sequences, in ascending order.
    pub(super) selected: &'a [usize],
    pub(super) role: Role,
    pub(super) name: &'a str,
    pub(super) seconds: f64,
}

impl BatchCall<'_> {
    /// Stores each step of the target, or the error that ends its sequence.
    pub(super) fn store_targets(&self, states: &mut [StepState], answers: Vec<StepResult>, rule: &StepRule<'_>) {
        let share = self.seconds_per_sequence();
        let answers = answers.into_iter().map(|step| checked_step(step, rule, share)).collect();
        for (index, answer) in self.match_answers(answers) {
            match answer {
                Ok(step) => states[index].target = Some(step),
                Err(error) => states[index].error = Some(error),
            }
        }
    }

    /// Stores the `count` drafts of each step, or the error that ends its sequence.
    pub(super) fn store_drafts(
        &self,
        states: &mut [StepState],
        answers: Vec<StepsResult>,
        count: usize,
        rule: &StepRule<'_>,
    ) {
        let share = self.seconds_per_sequence();
        let answers = answers.into_iter().map(|steps| checked_drafts(steps, count, rule, share)).collect();
        for (index, answer) in self.match_answers(answers) {
            match answer {
                Ok(drafts) => states[index].drafts = drafts,
                Err(error) => states[index].error = Some(error),
            }
        }
    }

    /// Stores each decision. Where the router failed, the sequence ends or the step is escalated, as `on_error` says.
    pub(super) fn store_decisions(
        &self,
        states: &mut [StepState],
        answers: Vec<Result<Decision, BoxError>>,
        on_error: OnRouterError,
    ) {
        let answers = answers.into_iter().map(|decision| decision.and_then(checked_decision)).collect();
        for (index, answer) in self.match_answers(answers) {
            let state = &mut states[index];
            state.router_seconds += self.seconds_per_sequence();
            match (answer, on_error) {
                (Ok(decision), _) => state.decision = Some(decision),
                (Err(error), OnRouterError::EndSequence) => state.error = Some(error),
                (Err(error), OnRouterError::Escalate) => {
                    state.router_error = Some(error.to_string());
                    state.decision = Some(Route::Escalate.into());
                }
            }
        }
    }

    pub(super) fn seconds_per_sequence(&self) -> f64 {
        self.seconds / self.selected.len() as f64
    }

    /// Gives each selected sequence its answer. If there are more or fewer answers than requests, all of them fail, since an
    /// answer may then belong to any of the sequences.
    pub(super) fn match_answers<A>(
        &self,
        answers: Vec<Result<A, BoxError>>,
    ) -> impl Iterator<Item = (usize, Result<A, EngineError>)> {
        let (role, name) = (self.role, || self.name.to_owned());
        let (expected, found) = (self.selected.len(), answers.len());
        let mut answers = answers.into_iter();
        self.selected.iter().map(move |&index| {
            let step = self.active[index].records.len();
            let answer = match answers.next() {
                Some(answer) if expected == found => {
                    answer.map_err(|source| EngineError::Component { role, name: name(), step, source })
                }
                _ => Err(EngineError::Count { role, name: name(), expected, found }),
            };
            (index, answer)
        })
    }
}

/// A step that keeps the contract of [`Step::checked`]. If its model does not measure the time, it took `seconds`.
pub(super) fn checked_step(step: StepResult, rule: &StepRule<'_>, seconds: f64) -> StepResult {
    let mut step = step?.checked(rule)?;
    if step.cost.seconds == 0.0 {
        step.cost.seconds = seconds;
    }
    Ok(step)
}

/// `count` drafts of one step, each a [checked step](checked_step). If their model does not measure the time, they took `seconds`
/// together.
pub(super) fn checked_drafts(steps: StepsResult, count: usize, rule: &StepRule<'_>, seconds: f64) -> StepsResult {
    let steps = steps?;
    match steps.len() {
        found if found == count => {
            steps.into_iter().map(|step| checked_step(Ok(step), rule, seconds / count as f64)).collect()
        }
        found => Err(format!("{count} drafts of the step expected, {found} found").into()),
    }
}

/// A decision whose numbers are finite. A NaN cannot be compared with a threshold, so the route would be arbitrary.
pub(super) fn checked_decision(decision: Decision) -> Result<Decision, BoxError> {
    let numbers = [decision.estimate, decision.draft_score, decision.target_score, decision.target_spread];
    match numbers.into_iter().flatten().find(|number| !number.is_finite()) {
        Some(found) => Err(format!("an estimate or score is not finite: {found}").into()),
        None => Ok(decision),
    }
}
