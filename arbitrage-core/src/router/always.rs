//! One model alone: the cheapest and the most expensive policy.

use super::AdvantageRouter;
use crate::{BoxError, Candidate, Decision, Prefix, Route};

/// Lets the draft write every step: the cheapest policy, whose accuracy every router has to exceed.
///
/// ```
/// use arbitrage_core::{Engine, Problem, router::AlwaysDraft, testing::Scripted};
/// let mut engine = Engine::new(Scripted::new("draft", ["42"]), Scripted::new("target", []), AlwaysDraft);
/// assert_eq!(engine.solve(&Problem::new("?"))?.usage.target.calls, 0);
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlwaysDraft;

impl AdvantageRouter for AlwaysDraft {
    fn name(&self) -> String {
        "always-draft".to_owned()
    }

    fn before_draft(&mut self, _prefix: &Prefix<'_>) -> Option<Decision> {
        Some(Route::Accept.into())
    }

    fn route(&mut self, _candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        Ok(Route::Accept.into())
    }
}

/// Lets the target write every step without a draft: the baseline that every speed-up is measured against.
///
/// ```
/// use arbitrage_core::{Engine, Problem, router::AlwaysTarget, testing::Scripted};
/// let mut engine = Engine::new(Scripted::new("draft", []), Scripted::new("target", ["42"]), AlwaysTarget);
/// assert_eq!(engine.solve(&Problem::new("?"))?.usage.draft.calls, 0);
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlwaysTarget;

impl AdvantageRouter for AlwaysTarget {
    fn name(&self) -> String {
        "always-target".to_owned()
    }

    fn before_draft(&mut self, _prefix: &Prefix<'_>) -> Option<Decision> {
        Some(Route::Escalate.into())
    }

    fn route(&mut self, _candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        Ok(Route::Escalate.into())
    }
}
