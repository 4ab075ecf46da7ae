//! A sequence in flight.

use super::turn::Turn;
use crate::trace::StepRecord;
use crate::{
    Accepted, Author, BoxError, Decision, EngineError, Limits, Prefix, Problem, Role, Route, SequenceId, Solution,
    Step, Stop, Usage,
};

/// A sequence in flight. Nothing of it changes between the opening of a turn and its commit, so that the drafter may read it
/// on a thread of its own.
pub(super) struct Live {
    pub id: SequenceId,
    pub problem: Problem,
    pub records: Vec<StepRecord>,
    pub usage: Usage,
    pub stop: Option<Stop>,
    pub error: Option<EngineError>,
    /// Tokens of the committed steps.
    pub tokens: usize,
    /// The committed steps, one a record, and behind them, for the length of a turn, at most one that is [supposed](Self::suppose).
    steps: Vec<Accepted>,
    /// The next step, if it was drafted ahead.
    ahead: Option<Step>,
}

impl Live {
    pub fn new(id: SequenceId, problem: Problem) -> Self {
        let empty = problem.question.trim().is_empty();
        Self {
            id,
            records: Vec::new(),
            usage: Usage::default(),
            stop: None,
            error: empty.then(|| EngineError::EmptyQuestion { id: problem.id.clone() }),
            problem,
            tokens: 0,
            steps: Vec::new(),
            ahead: None,
        }
    }

    /// The committed steps.
    pub fn prefix(&self) -> Prefix<'_> {
        Prefix { id: self.id, problem: &self.problem, steps: &self.steps[..self.records.len()] }
    }

    /// The committed steps and the supposed one.
    pub fn supposed_prefix(&self) -> Prefix<'_> {
        Prefix { id: self.id, problem: &self.problem, steps: &self.steps }
    }

    pub fn is_finished(&self) -> bool {
        self.stop.is_some() || self.error.is_some()
    }

    /// The step that was committed in the turn before: a sequence that failed has none.
    pub fn latest(&self) -> Option<(SequenceId, &StepRecord)> {
        self.records.last().filter(|_| self.error.is_none()).map(|record| (self.id, record))
    }

    /// Ends the sequence because step `step` could not be recorded.
    pub fn fail_to_record(&mut self, step: usize, source: BoxError) {
        self.error = Some(EngineError::Part { role: Role::Sink, name: "trace".to_owned(), step, source });
    }

    /// Opens a turn. What was drafted ahead is its draft, unless the router has it written by the target unseen.
    pub fn open(&mut self, decision: Option<Decision>) -> Turn {
        let mut turn = Turn { decision, error: self.error.take(), ..Turn::default() };
        match self.ahead.take() {
            Some(unread) if turn.is_escalated() => turn.discarded = Some(unread.cost),
            ahead => turn.draft = ahead,
        }
        turn
    }

    /// Supposes that `draft` will be accepted, and says whether a step can follow it then.
    pub fn suppose(&mut self, draft: &Step, limits: &Limits) -> bool {
        self.steps.push(Accepted { step: draft.clone(), author: Author::Draft });
        let tokens = self.tokens + draft.token_count();
        let goes_on = limits.of(&self.problem).stop(&self.steps, tokens).is_none();
        if !goes_on {
            self.steps.truncate(self.records.len());
        }
        goes_on
    }

    /// Turns the finished turn into a committed step, and says whether the solution ends with it.
    pub fn commit(&mut self, turn: Turn, limits: &Limits) -> Option<StepRecord> {
        self.steps.truncate(self.records.len());
        self.error = turn.error;
        let decision = turn.decision.filter(|_| self.error.is_none())?;
        let (author, step) = match decision.route {
            Route::Accept => (Author::Draft, turn.draft.clone()?),
            Route::Escalate => (Author::Target, turn.target.clone()?),
        };
        // What was drafted behind a rejected draft falls with it.
        let (ahead, fallen) = if author == Author::Draft { (turn.ahead, None) } else { (None, turn.ahead) };
        self.ahead = ahead;
        let record = StepRecord {
            problem: self.problem.id.clone(),
            index: self.records.len(),
            author,
            decision,
            draft: turn.draft,
            target: turn.target,
            router_seconds: turn.router_seconds,
            router_error: turn.router_error,
            wasted: if author == Author::Target { decision.wasted() } else { None },
            discarded: fallen.map(|step| step.cost).or(turn.discarded),
        };
        self.account(&record, &step);
        self.steps.push(Accepted { step, author });
        self.records.push(record.clone());
        self.stop = limits.of(&self.problem).stop(&self.steps, self.tokens);
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
        if let Some(cost) = &record.discarded {
            self.usage.discarded.record(cost);
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
            self.fail_to_record(self.records.len(), source);
        }
        match (self.error, self.stop) {
            (None, Some(stop)) => Ok(Solution { steps: self.steps, records: self.records, stop, usage: self.usage }),
            (Some(error), _) => Err(error),
            // `is_finished` lets no sequence come here with neither.
            (None, None) => Err(EngineError::EmptyQuestion { id: self.problem.id.clone() }),
        }
    }
}
