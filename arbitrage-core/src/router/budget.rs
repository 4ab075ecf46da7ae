//! A maximum of escalated steps a problem.

use super::AdvantageRouter;
use crate::{Author, BoxError, Candidate, Decision, Prefix, Route, forward_methods};

/// Lets another router escalate at most `max` steps a problem: the `B` of Theorem B.1, spent online on the first steps that
/// the router escalates.
///
/// Escalated steps are counted in the prefix, so the router keeps no state a sequence. Once the budget is spent, drafts are
/// accepted without a call of the inner router or its scorer.
///
/// ```
/// use arbitrage_core::{Engine, Problem, router::{AlwaysTarget, Budget}, testing::Scripted};
/// let (draft, target) = (Scripted::new("draft", ["a\n\n", "b\n\n", "c"]), Scripted::new("target", ["A\n\n", "B\n\n", "C"]));
/// let mut engine = Engine::new(draft, target, Budget::new(AlwaysTarget, 1));
/// assert_eq!(engine.solve(&Problem::new("?"))?.text(), "A\n\nb\n\nc");
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget<R> {
    router: R,
    max: usize,
}

impl<R: AdvantageRouter> Budget<R> {
    /// Lets `router` escalate at most `max` steps a problem. 0 never escalates.
    pub fn new(router: R, max: usize) -> Self {
        Self { router, max }
    }

    /// The decision on a prefix whose budget is spent.
    fn spent(&self, prefix: &Prefix<'_>) -> Option<Decision> {
        (prefix.written_by(Author::Target) >= self.max).then(|| Route::Accept.into())
    }
}

impl<R: AdvantageRouter> AdvantageRouter for Budget<R> {
    forward_methods!(AdvantageRouter, self => self.router; evidence, release);

    fn name(&self) -> String {
        format!("budget({}, most={})", self.router.name(), self.max)
    }

    fn before_draft(&mut self, prefix: &Prefix<'_>) -> Option<Decision> {
        self.spent(prefix).or_else(|| self.router.before_draft(prefix))
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        match self.spent(&candidate.prefix) {
            Some(decision) => Ok(decision),
            None => self.router.route(candidate),
        }
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        // The engine calls `before_draft` first, so that only other callers come here with a spent budget.
        if candidates.iter().any(|candidate| self.spent(&candidate.prefix).is_some()) {
            candidates.iter().map(|candidate| self.route(candidate)).collect()
        } else {
            self.router.route_batch(candidates)
        }
    }
}
