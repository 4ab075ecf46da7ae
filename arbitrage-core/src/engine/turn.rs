//! One turn of a sequence: what is known of the step that is being written.

use super::live::Live;
use crate::{BoxError, Decision, EngineError, Role, Route, Step, StepCost, StepResult};

/// What is known of the step that is being written.
#[derive(Default)]
pub(super) struct Turn {
    pub draft: Option<Step>,
    pub target: Option<Step>,
    pub decision: Option<Decision>,
    pub router_seconds: f64,
    pub router_error: Option<String>,
    /// The step behind the draft. It stands and falls with it.
    pub ahead: Option<Step>,
    /// Cost of a step that was drafted ahead in the turn before and that nobody read.
    pub discarded: Option<StepCost>,
    pub error: Option<EngineError>,
}

impl Turn {
    pub fn is_escalated(&self) -> bool {
        self.decision.is_some_and(|decision| decision.route == Route::Escalate)
    }
}

/// Positions of the turns that have not failed and are `wanted`.
pub(super) fn choose(turns: &[Turn], wanted: impl Fn(&Turn) -> bool) -> Vec<usize> {
    (0..turns.len()).filter(|&at| turns[at].error.is_none() && wanted(&turns[at])).collect()
}

/// Gives each chosen turn its step, or the error that ends its sequence. A model that does not time itself gets its share
/// of the call's `seconds`.
pub(super) fn store_steps(
    live: &[Live],
    turns: &mut [Turn],
    chosen: &[usize],
    steps: Vec<StepResult>,
    seconds: f64,
    part: Part<'_>,
    place: impl Fn(&mut Turn) -> &mut Option<Step>,
) {
    let share = seconds / chosen.len() as f64;
    let steps = steps.into_iter().map(|step| checked_step(step, share)).collect();
    for (turn, step) in pair(live, turns, chosen, steps, part) {
        match step {
            Ok(step) => *place(turn) = Some(step),
            Err(error) => turn.error = Some(error),
        }
    }
}

/// Gives each chosen turn its decision. A router's failure ends the sequence, or sends it to the target.
pub(super) fn store_decisions(
    live: &[Live],
    turns: &mut [Turn],
    chosen: &[usize],
    decisions: Vec<Result<Decision, BoxError>>,
    seconds: f64,
    part: Part<'_>,
    escalate_on_error: bool,
) {
    let share = seconds / chosen.len() as f64;
    let decisions = decisions.into_iter().map(|decision| decision.and_then(checked_decision)).collect();
    for (turn, decision) in pair(live, turns, chosen, decisions, part) {
        turn.router_seconds = share;
        match decision {
            Ok(decision) => turn.decision = Some(decision),
            Err(error) if escalate_on_error => {
                turn.router_error = Some(error.to_string());
                turn.decision = Some(Route::Escalate.into());
            }
            Err(error) => turn.error = Some(error),
        }
    }
}

/// A step whose numbers are numbers, since others could not be traced. One without a time took `share` seconds.
pub(super) fn checked_step(step: StepResult, share: f64) -> StepResult {
    let mut step = step?.checked()?;
    if step.cost.seconds == 0.0 {
        step.cost.seconds = share;
    }
    Ok(step)
}

/// As for steps: an estimate that is no number betrays a route without reason.
fn checked_decision(decision: Decision) -> Result<Decision, BoxError> {
    let numbers = [decision.estimate, decision.draft_score, decision.target_score, decision.target_spread];
    match numbers.into_iter().flatten().find(|number| !number.is_finite()) {
        Some(found) => Err(format!("an estimate or score is not finite: {found}").into()),
        None => Ok(decision),
    }
}

/// Who answers.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub role: Role,
    pub name: &'a str,
}

/// Pairs answers with the turns that were asked about. All of them fail when the counts differ, since then nobody knows
/// which answer is whose.
fn pair<'t, A>(
    live: &[Live],
    turns: &'t mut [Turn],
    chosen: &[usize],
    answers: Vec<Result<A, BoxError>>,
    Part { role, name }: Part<'_>,
) -> impl Iterator<Item = (&'t mut Turn, Result<A, EngineError>)> {
    let (expected, found) = (chosen.len(), answers.len());
    let mut answers = answers.into_iter();
    let asked = live.iter().zip(turns).enumerate().filter(|(at, _)| chosen.binary_search(at).is_ok());
    asked.map(move |(_, (sequence, turn))| {
        let step = sequence.prefix().steps.len();
        let name = || name.to_owned();
        let answer = match answers.next() {
            Some(answer) if expected == found => {
                answer.map_err(|source| EngineError::Part { role, name: name(), step, source })
            }
            _ => Err(EngineError::Count { role, name: name(), expected, found }),
        };
        (turn, answer)
    })
}
