//! A part that fails at given requests.

use crate::trace::{Record, TraceSink};
use crate::{
    AdvantageRouter, BoxError, Candidate, Decision, Drafter, Prefix, Rewrite, Step, StepResult, StepRule, StepScorer,
    Verifier, forward_methods,
};

/// Does what its part does, but fails at one request, or at all requests from that one on.
///
/// Requests are counted from 0 over all calls: steps for a drafter or a verifier, decisions for a router, records for a
/// sink, and calls for a scorer, which succeeds or fails as a whole.
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
    requests: usize,
}

impl<T> Flaky<T> {
    /// Fails request `fails_at`, the first being 0.
    pub fn new(part: T, fails_at: usize) -> Self {
        Self { part, fails_at, keeps_failing: false, requests: 0 }
    }

    /// Fails all later requests too.
    pub fn for_good(mut self) -> Self {
        self.keeps_failing = true;
        self
    }

    /// Counts a request, and fails if it is to fail.
    fn count_request(&mut self) -> Result<(), BoxError> {
        let now = self.requests;
        self.requests += 1;
        if now == self.fails_at || self.keeps_failing && now > self.fails_at {
            return Err(format!("failure {now}, as told").into());
        }
        Ok(())
    }

    /// Replaces the answers to requests that are to fail.
    fn inject<A>(&mut self, answers: Vec<Result<A, BoxError>>) -> Vec<Result<A, BoxError>> {
        answers.into_iter().map(|answer| self.count_request().and(answer)).collect()
    }
}

impl<T: Drafter> Drafter for Flaky<T> {
    forward_methods!(Drafter, self => self.part; name, digest, release);

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let steps = self.part.draft(prefixes, rule);
        self.inject(steps)
    }
}

impl<T: Verifier> Verifier for Flaky<T> {
    forward_methods!(Verifier, self => self.part; name, digest, release);

    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let steps = self.part.rewrite(requests, rule);
        self.inject(steps)
    }
}

impl<T: AdvantageRouter> AdvantageRouter for Flaky<T> {
    forward_methods!(AdvantageRouter, self => self.part; name, evidence, before_draft, release);

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        self.count_request()?;
        self.part.route(candidate)
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let decisions = self.part.route_batch(candidates);
        self.inject(decisions)
    }
}

impl<T: StepScorer> StepScorer for Flaky<T> {
    forward_methods!(StepScorer, self => self.part; name, range, release);

    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        self.count_request()?;
        self.part.score(steps)
    }
}

impl<T: TraceSink> TraceSink for Flaky<T> {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        self.count_request()?;
        self.part.write(record)
    }
}
