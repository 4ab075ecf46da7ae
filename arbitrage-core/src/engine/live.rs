//! A sequence in flight, and one turn of it.

use crate::trace::StepRecord;
use crate::{
    Accepted, Author, BoxError, Decision, EngineError, Limits, Prefix, Problem, Role, Route, SequenceId, Solution,
    Step, StepResult, Stop, Usage,
};

/// What is known of the step that is being written.
#[derive(Default)]
pub(super) struct Turn {
    pub draft: Option<Step>,
    pub target: Option<Step>,
    pub decision: Option<Decision>,
    pub router_seconds: f64,
    pub router_error: Option<String>,
}

impl Turn {
    pub fn is_escalated(&self) -> bool {
        self.decision.is_some_and(|decision| decision.route == Route::Escalate)
    }
}

/// A sequence in flight.
pub(super) struct Live<'p> {
    pub index: usize,
    pub id: SequenceId,
    pub problem: &'p Problem,
    pub steps: Vec<Accepted>,
    pub records: Vec<StepRecord>,
    pub usage: Usage,
    pub turn: Turn,
    pub stop: Option<Stop>,
    pub error: Option<EngineError>,
    tokens: usize,
}

impl<'p> Live<'p> {
    pub fn new(index: usize, id: SequenceId, problem: &'p Problem) -> Self {
        let empty = problem.question.trim().is_empty();
        Self {
            index,
            id,
            problem,
            steps: Vec::new(),
            records: Vec::new(),
            usage: Usage::default(),
            turn: Turn::default(),
            stop: None,
            error: empty.then(|| EngineError::EmptyQuestion { id: problem.id.clone() }),
            tokens: 0,
        }
    }

    pub fn prefix(&self) -> Prefix<'_> {
        Prefix { id: self.id, problem: self.problem, steps: &self.steps }
    }

    pub fn is_finished(&self) -> bool {
        self.stop.is_some() || self.error.is_some()
    }

    /// Ends the sequence because step `step` could not be recorded.
    pub fn fail_to_record(&mut self, step: usize, source: BoxError) {
        self.error = Some(EngineError::Part { role: Role::Sink, name: "trace".to_owned(), step, source });
    }

    /// Turns the finished turn into a committed step, and says whether the solution ends with it.
    pub fn commit(&mut self, limits: &Limits) -> Option<StepRecord> {
        let turn = std::mem::take(&mut self.turn);
        let decision = turn.decision?;
        let (author, step) = match decision.route {
            Route::Accept => (Author::Draft, turn.draft.clone()?),
            Route::Escalate => (Author::Target, turn.target.clone()?),
        };
        let record = StepRecord {
            problem: self.problem.id.clone(),
            index: self.steps.len(),
            author,
            decision,
            draft: turn.draft,
            target: turn.target,
            router_seconds: turn.router_seconds,
            router_error: turn.router_error,
            wasted: if author == Author::Target { decision.wasted() } else { None },
        };
        self.account(&record, &step);
        self.steps.push(Accepted { step, author });
        self.records.push(record.clone());
        self.stop = limits.stop(&self.steps, self.tokens);
        Some(record)
    }

    fn account(&mut self, record: &StepRecord, step: &Step) {
        let kept = step.token_count();
        self.tokens += kept;
        for (author, written) in [(Author::Draft, &record.draft), (Author::Target, &record.target)] {
            if let Some(written) = written {
                self.usage.role_mut(author).record(&written.cost);
            }
        }
        self.usage.role_mut(record.author).kept_tokens += kept;
        self.usage.router_seconds += record.router_seconds;
        self.usage.accepted_steps += usize::from(record.author == Author::Draft);
        self.usage.escalated_steps += usize::from(record.author == Author::Target);
        self.usage.judged_steps += usize::from(record.wasted.is_some());
        self.usage.wasted_steps += usize::from(record.wasted == Some(true));
        self.usage.fallback_steps += usize::from(record.router_error.is_some());
    }

    pub fn into_answer(mut self, written: Result<(), BoxError>) -> Result<Solution, EngineError> {
        if let (None, Err(source)) = (&self.error, written) {
            self.fail_to_record(self.steps.len(), source);
        }
        match (self.error, self.stop) {
            (None, Some(stop)) => Ok(Solution { steps: self.steps, records: self.records, stop, usage: self.usage }),
            (Some(error), _) => Err(error),
            // `is_finished` lets no sequence come here with neither.
            (None, None) => Err(EngineError::EmptyQuestion { id: self.problem.id.clone() }),
        }
    }
}

/// Positions of the open sequences whose turn is `wanted`.
pub(super) fn choose(live: &[Live<'_>], wanted: impl Fn(&Turn) -> bool) -> Vec<usize> {
    (0..live.len()).filter(|&at| live[at].error.is_none() && wanted(&live[at].turn)).collect()
}

/// Gives each chosen sequence its step, or the error that ends it. A model that does not time itself gets its share of
/// the call's `seconds`.
pub(super) fn store_steps(
    live: &mut [Live<'_>],
    chosen: &[usize],
    steps: Vec<StepResult>,
    seconds: f64,
    part: Part<'_>,
    place: impl Fn(&mut Turn) -> &mut Option<Step>,
) {
    let share = seconds / chosen.len() as f64;
    let steps = steps.into_iter().map(|step| step.and_then(checked_step)).collect();
    for (sequence, step) in pair(live, chosen, steps, part) {
        match step {
            Ok(mut step) => {
                if step.cost.seconds == 0.0 {
                    step.cost.seconds = share;
                }
                *place(&mut sequence.turn) = Some(step);
            }
            Err(error) => sequence.error = Some(error),
        }
    }
}

/// Gives each chosen sequence its decision. A router's failure ends the sequence, or sends it to the target.
pub(super) fn store_decisions(
    live: &mut [Live<'_>],
    chosen: &[usize],
    decisions: Vec<Result<Decision, BoxError>>,
    seconds: f64,
    part: Part<'_>,
    escalate_on_error: bool,
) {
    let share = seconds / chosen.len() as f64;
    let decisions = decisions.into_iter().map(|decision| decision.and_then(checked_decision)).collect();
    for (sequence, decision) in pair(live, chosen, decisions, part) {
        sequence.turn.router_seconds = share;
        match decision {
            Ok(decision) => sequence.turn.decision = Some(decision),
            Err(error) if escalate_on_error => {
                sequence.turn.router_error = Some(error.to_string());
                sequence.turn.decision = Some(Route::Escalate.into());
            }
            Err(error) => sequence.error = Some(error),
        }
    }
}

/// A number that is none betrays a model whose text means nothing either, and could not be traced.
fn checked_step(step: Step) -> StepResult {
    match step.not_finite() {
        Some(found) => Err(format!("log-probability, entropy or time of a step is not finite: {found}").into()),
        None => Ok(step),
    }
}

/// As for steps: an estimate that is no number betrays a route without reason.
fn checked_decision(decision: Decision) -> Result<Decision, BoxError> {
    let numbers = [decision.estimate, decision.draft_score, decision.target_score];
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

/// Pairs answers with the sequences that were asked about. All of them fail when the counts differ, since then nobody
/// knows which answer is whose.
fn pair<'l, 'p, A>(
    live: &'l mut [Live<'p>],
    chosen: &[usize],
    answers: Vec<Result<A, BoxError>>,
    Part { role, name }: Part<'_>,
) -> impl Iterator<Item = (&'l mut Live<'p>, Result<A, EngineError>)> {
    let (expected, found) = (chosen.len(), answers.len());
    let mut answers = answers.into_iter();
    let asked = live.iter_mut().enumerate().filter(|(at, _)| chosen.binary_search(at).is_ok());
    asked.map(move |(_, sequence)| {
        let step = sequence.steps.len();
        let name = || name.to_owned();
        let answer = match answers.next() {
            Some(answer) if expected == found => {
                answer.map_err(|source| EngineError::Part { role, name: name(), step, source })
            }
            _ => Err(EngineError::Count { role, name: name(), expected, found }),
        };
        (sequence, answer)
    })
}
