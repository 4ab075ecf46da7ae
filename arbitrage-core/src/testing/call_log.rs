//! A log of the calls to any part.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    AdvantageRouter, BoxError, Candidate, Decision, Drafter, Prefix, Rewrite, Role, SequenceId, SeveralDrafts, Step,
    StepResult, StepRule, StepScorer, StepsResult, Verifier, forward_methods,
};

/// One request to one part about one step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedCall {
    /// The part's role.
    pub role: Role,
    /// The sequence.
    pub sequence: SequenceId,
    /// The problem's id.
    pub problem: String,
    /// Index of the step, from 0.
    pub step: usize,
    /// The text of the step that the part was given to score, to route or to replace.
    pub text: Option<String>,
    /// Requests in the same call.
    pub batch: usize,
}

/// A log of calls that any number of parts write to. Clones share one log.
///
/// ```
/// use arbitrage_core::testing::{CallLog, Scripted};
/// use arbitrage_core::{Engine, Problem, Role, Route, router_fn};
///
/// let log = CallLog::new();
/// let target = log.record(Scripted::new("target", ["one\n\n", "2\n\n", "three"]));
/// let router = router_fn(|c| Route::escalate_if(c.draft.text.contains('Z')));
/// let mut engine = Engine::new(Scripted::new("draft", ["one\n\n", "Z\n\n", "three"]), target, router);
/// engine.solve(&Problem::new("Count."))?;
/// // The target was called for the second step alone, with the draft that it replaces.
/// let [call] = &log.of(Role::Verifier)[..] else { panic!("one call") };
/// assert_eq!((call.step, call.text.as_deref()), (1, Some("Z\n\n")));
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CallLog {
    entries: Arc<Mutex<LogEntries>>,
}

#[derive(Debug, Default)]
struct LogEntries {
    calls: Vec<LoggedCall>,
    released: Vec<(Role, SequenceId)>,
}

impl CallLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wraps a drafter, verifier, router or scorer, whose calls are logged.
    pub fn record<T>(&self, part: T) -> Recording<T> {
        Recording { part, log: self.clone() }
    }

    /// All calls so far, oldest first.
    pub fn calls(&self) -> Vec<LoggedCall> {
        self.with(|entries| entries.calls.clone())
    }

    /// The calls so far to the parts with this role.
    pub fn of(&self, role: Role) -> Vec<LoggedCall> {
        self.calls().into_iter().filter(|call| call.role == role).collect()
    }

    /// The sequences that were released, each with the role of the part.
    pub fn released(&self) -> Vec<(Role, SequenceId)> {
        self.with(|entries| entries.released.clone())
    }

    fn add_release(&self, role: Role, id: SequenceId) {
        self.with(|entries| entries.released.push((role, id)));
    }

    fn with<A>(&self, act: impl FnOnce(&mut LogEntries) -> A) -> A {
        act(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add<'a>(&self, role: Role, requests: impl ExactSizeIterator<Item = (Prefix<'a>, Option<&'a Step>)>) {
        let batch = requests.len();
        let call = |(prefix, step): (Prefix<'a>, Option<&'a Step>)| LoggedCall {
            role,
            sequence: prefix.id,
            problem: prefix.problem.id.clone(),
            step: prefix.steps.len(),
            text: step.map(|step| step.text.clone()),
            batch,
        };
        self.with(|entries| entries.calls.extend(requests.map(call)));
    }
}

/// A part whose calls are logged in a [`CallLog`]. It behaves as the part does.
#[derive(Clone, Debug)]
pub struct Recording<T> {
    part: T,
    log: CallLog,
}

impl<T: Drafter> Drafter for Recording<T> {
    forward_methods!(Drafter, self => self.part; name, digest);

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        self.log.add(Role::Drafter, prefixes.iter().map(|prefix| (*prefix, None)));
        self.part.draft(prefixes, rule)
    }

    fn draft_several(
        &mut self,
        prefixes: &[Prefix<'_>],
        drafts: SeveralDrafts,
        rule: &StepRule<'_>,
    ) -> Vec<StepsResult> {
        self.log.add(Role::Drafter, prefixes.iter().map(|prefix| (*prefix, None)));
        self.part.draft_several(prefixes, drafts, rule)
    }

    fn release(&mut self, id: SequenceId) {
        self.log.add_release(Role::Drafter, id);
        self.part.release(id);
    }
}

impl<T: Verifier> Verifier for Recording<T> {
    forward_methods!(Verifier, self => self.part; name, digest);

    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        self.log.add(Role::Verifier, requests.iter().map(|request| (request.prefix, request.rejected)));
        self.part.rewrite(requests, rule)
    }

    fn release(&mut self, id: SequenceId) {
        self.log.add_release(Role::Verifier, id);
        self.part.release(id);
    }
}

impl<T: AdvantageRouter> AdvantageRouter for Recording<T> {
    forward_methods!(AdvantageRouter, self => self.part; name, evidence, before_draft);

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        self.log.add(Role::Router, std::iter::once((candidate.prefix, Some(candidate.draft))));
        self.part.route(candidate)
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        self.log.add(Role::Router, candidates.iter().map(|c| (c.prefix, Some(c.draft))));
        self.part.route_batch(candidates)
    }

    fn release(&mut self, id: SequenceId) {
        self.log.add_release(Role::Router, id);
        self.part.release(id);
    }
}

impl<T: StepScorer> StepScorer for Recording<T> {
    forward_methods!(StepScorer, self => self.part; name, range);

    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        self.log.add(Role::Scorer, steps.iter().map(|(prefix, step)| (*prefix, Some(*step))));
        self.part.score(steps)
    }

    fn release(&mut self, id: SequenceId) {
        self.log.add_release(Role::Scorer, id);
        self.part.release(id);
    }
}
