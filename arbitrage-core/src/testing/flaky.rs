//! A part that fails where told.

use crate::trace::{Record, TraceSink};
use crate::{
    AdvantageRouter, BoxError, Candidate, Decision, Drafter, Evidence, Prefix, Rewrite, SequenceId, Step, StepResult,
    StepRule, StepScorer, Verifier,
};

/// Does what its part does, but fails one request, or all from one on.
///
/// Requests are counted from 0 over all calls: steps for a drafter or a verifier, decisions for a router, records for a
/// sink. A scorer answers for a whole call at once, so its calls are counted.
///
/// ```
/// use arbitrage_core::testing::{Flaky, Scripted};
/// use arbitrage_core::{Engine, Problem, router::AlwaysDraft};
///
/// let draft = Flaky::new(Scripted::new("draft", ["one\n\n", "two"]), 1);
/// let mut engine = Engine::new(draft, Scripted::new("target", []), AlwaysDraft);
/// let error = engine.solve(&Problem::new("Count.")).unwrap_err();
/// assert_eq!(error.to_string(), "drafter `draft` failed at step 1: failure 1, as told");
/// ```
#[derive(Clone, Debug)]
pub struct Flaky<T> {
    part: T,
    fails_at: usize,
    keeps_failing: bool,
    asked: usize,
}

impl<T> Flaky<T> {
    /// Fails request `fails_at`, the first being 0.
    pub fn new(part: T, fails_at: usize) -> Self {
        Self { part, fails_at, keeps_failing: false, asked: 0 }
    }

    /// Fails all later requests too.
    pub fn for_good(mut self) -> Self {
        self.keeps_failing = true;
        self
    }

    fn check(&mut self) -> Result<(), BoxError> {
        let now = self.asked;
        self.asked += 1;
        if now == self.fails_at || self.keeps_failing && now > self.fails_at {
            return Err(format!("failure {now}, as told").into());
        }
        Ok(())
    }

    /// Spoils the answers whose turn it is.
    fn spoil<A>(&mut self, answers: Vec<Result<A, BoxError>>) -> Vec<Result<A, BoxError>> {
        answers.into_iter().map(|answer| self.check().and(answer)).collect()
    }
}

impl<T: Drafter> Drafter for Flaky<T> {
    fn name(&self) -> &str {
        self.part.name()
    }

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let steps = self.part.draft(prefixes, rule);
        self.spoil(steps)
    }

    fn release(&mut self, id: SequenceId) {
        self.part.release(id);
    }

    fn digest(&self) -> Option<String> {
        self.part.digest()
    }
}

impl<T: Verifier> Verifier for Flaky<T> {
    fn name(&self) -> &str {
        self.part.name()
    }

    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let steps = self.part.rewrite(requests, rule);
        self.spoil(steps)
    }

    fn release(&mut self, id: SequenceId) {
        self.part.release(id);
    }

    fn digest(&self) -> Option<String> {
        self.part.digest()
    }
}

impl<T: AdvantageRouter> AdvantageRouter for Flaky<T> {
    fn name(&self) -> String {
        self.part.name()
    }

    fn evidence(&self) -> Evidence {
        self.part.evidence()
    }

    fn before_draft(&mut self, prefix: &Prefix<'_>) -> Option<Decision> {
        self.part.before_draft(prefix)
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        self.check()?;
        self.part.route(candidate)
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let decisions = self.part.route_batch(candidates);
        self.spoil(decisions)
    }

    fn release(&mut self, id: SequenceId) {
        self.part.release(id);
    }
}

impl<T: StepScorer> StepScorer for Flaky<T> {
    fn name(&self) -> String {
        self.part.name()
    }

    fn range(&self) -> (f32, f32) {
        self.part.range()
    }

    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        self.check()?;
        self.part.score(steps)
    }

    fn release(&mut self, id: SequenceId) {
        self.part.release(id);
    }
}

impl<T: TraceSink> TraceSink for Flaky<T> {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        self.check()?;
        self.part.write(record)
    }
}
