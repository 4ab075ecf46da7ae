//! A sequence that is being solved: its problem and the steps that are committed so far.

use super::Solution;
use super::step_state::{StepState, total_cost};
use crate::trace::{SolutionRecord, StepRecord};
use crate::{
    Accepted, Author, BoxError, Decision, EngineError, Limits, Prefix, Problem, Role, Route, SequenceId, Step, Stop,
    Usage,
};

/// How a sequence ended.
pub(super) enum SequenceEnd {
    Stopped(Stop),
    Failed(EngineError),
}

impl SequenceEnd {
    /// The end of a sequence whose record for step `step` could not be written.
    pub(super) fn sink_failed(step: usize, source: BoxError) -> Self {
        Self::Failed(EngineError::Component { role: Role::Sink, name: "trace".to_owned(), step, source })
    }
}

/// A sequence that is being solved. Its committed steps change only in [`commit`](Self::commit), at the end of an iteration, so
/// the drafter may read them from another thread until then.
pub(super) struct ActiveSequence {
    pub(super) id: SequenceId,
    pub(super) problem: Problem,
    /// One record for each committed step.
    pub(super) records: Vec<StepRecord>,
    /// Why the sequence ended; `None` while it is open.
    pub(super) end: Option<SequenceEnd>,
    usage: Usage,
    /// Tokens of the committed steps.
    tokens: usize,
    /// The committed steps. While the drafter works ahead, one draft that is [assumed accepted](Self::assume_accepted) follows them.
    steps: Vec<Accepted>,
    /// The drafts of the next step, if they were written ahead.
    next_drafts: Vec<Step>,
}

impl ActiveSequence {
    /// A sequence without steps. It has failed already if its question is empty.
    pub(super) fn new(id: SequenceId, problem: Problem) -> Self {
        let is_empty = problem.question.trim().is_empty();
        let end = is_empty.then(|| SequenceEnd::Failed(EngineError::EmptyQuestion { id: problem.id.clone() }));
        let (records, steps, usage) = (Vec::new(), Vec::new(), Usage::default());
        Self { id, problem, records, end, usage, tokens: 0, steps, next_drafts: Vec::new() }
    }

    /// The problem and the committed steps.
    pub(super) fn prefix(&self) -> Prefix<'_> {
        Prefix { id: self.id, problem: &self.problem, steps: &self.steps[..self.records.len()] }
    }

    /// The problem, the committed steps and the draft that is assumed accepted.
    pub(super) fn assumed_prefix(&self) -> Prefix<'_> {
        Prefix { id: self.id, problem: &self.problem, steps: &self.steps }
    }

    /// The step that the last iteration committed, unless the sequence failed in it.
    pub(super) fn last_committed(&self) -> Option<(SequenceId, &StepRecord)> {
        let has_failed = matches!(self.end, Some(SequenceEnd::Failed(_)));
        self.records.last().filter(|_| !has_failed).map(|record| (self.id, record))
    }

    /// Begins the next step. Drafts that were written ahead become its drafts, unless the router has escalated without one.
    pub(super) fn begin_step(&mut self, decision: Option<Decision>) -> StepState {
        let drafts = std::mem::take(&mut self.next_drafts);
        let mut state = StepState { decision, ..StepState::default() };
        if state.is_escalated() {
            state.discarded = total_cost(&drafts);
        } else {
            state.drafts = drafts;
        }
        state
    }

    /// Appends `draft` as if it had been accepted, and says whether a step can follow it.
    pub(super) fn assume_accepted(&mut self, draft: &Step, limits: &Limits) -> bool {
        self.steps.push(Accepted { step: draft.clone(), author: Author::Draft });
        let tokens = self.tokens + draft.token_count();
        let can_continue = limits.for_problem(&self.problem).stop_reason(&self.steps, tokens).is_none();
        if !can_continue {
            self.steps.truncate(self.records.len());
        }
        can_continue
    }

    /// Commits the step that `state` has decided on, and ends the sequence where a limit or an error says so.
    pub(super) fn commit(&mut self, mut state: StepState, limits: &Limits) -> Option<StepRecord> {
        self.steps.truncate(self.records.len());
        if let Some(error) = state.error.take() {
            self.end = Some(SequenceEnd::Failed(error));
            return None;
        }
        let decision = state.decision?;
        let next_drafts = std::mem::take(&mut state.next_drafts);
        let (author, step) = match decision.route {
            Route::Accept => (Author::Draft, state.draft.clone()?),
            Route::Escalate => (Author::Target, state.target.clone()?),
        };
        // A step that was drafted after a rejected draft has lost its prefix.
        match author {
            Author::Draft => self.next_drafts = next_drafts,
            Author::Target => state.discarded = total_cost(&next_drafts).or(state.discarded),
        }
        let record = state.into_record(self.problem.id.clone(), self.records.len(), decision);
        self.count(&record, &step);
        self.steps.push(Accepted { step, author });
        self.records.push(record.clone());
        self.end = limits.for_problem(&self.problem).stop_reason(&self.steps, self.tokens).map(SequenceEnd::Stopped);
        Some(record)
    }

    /// Adds a committed step to the token count and to the usage.
    fn count(&mut self, record: &StepRecord, step: &Step) {
        let kept = step.token_count();
        self.tokens += kept;
        match &record.choice {
            Some(choice) => choice.candidates.iter().for_each(|draft| self.usage.draft.record(&draft.cost)),
            None => record.draft.iter().for_each(|draft| self.usage.draft.record(&draft.cost)),
        }
        if let Some(written) = &record.target {
            self.usage.target.record(&written.cost);
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

    pub(super) fn solution_record(&self, end: &SequenceEnd) -> SolutionRecord {
        let (stop, error) = match end {
            SequenceEnd::Stopped(stop) => (Some(*stop), None),
            SequenceEnd::Failed(error) => (None, Some(error.to_string())),
        };
        SolutionRecord {
            problem: self.problem.id.clone(),
            question: self.problem.question.clone(),
            stop,
            error,
            text: self.prefix().text(),
            usage: self.usage,
        }
    }

    pub(super) fn into_solution(self, stop: Stop) -> Solution {
        Solution { steps: self.steps, records: self.records, stop, usage: self.usage }
    }
}
