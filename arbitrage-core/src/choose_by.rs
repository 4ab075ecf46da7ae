//! By what the best of several drafts of a step is chosen.

use std::fmt;

use crate::StepScorer;
use crate::router::ThresholdRule;

/// By what the best of several drafts of a step is chosen, before the target is asked. Of equally good drafts it is the first.
pub enum ChooseBy {
    /// By the router's own estimate: the draft that a router with this rule would be the last to escalate. The router sees every
    /// draft, in one batch, and its decision about the chosen one stands. A step that the router decides before it is drafted
    /// gets one draft. Not for routers that need the target's step.
    Estimate(ThresholdRule),
    /// The draft with the highest score.
    Score(Box<dyn StepScorer>),
    /// The draft with the highest mean log-probability per token; an empty one has 0.
    Logprob,
}

impl ChooseBy {
    /// Chooses the draft with the highest score.
    pub fn score(scorer: impl StepScorer + 'static) -> Self {
        Self::Score(Box::new(scorer))
    }

    /// Name for traces: `estimate`, `score(NAME)` or `logprob`.
    pub fn name(&self) -> String {
        match self {
            Self::Estimate(_) => "estimate".to_owned(),
            Self::Score(scorer) => format!("score({})", scorer.name()),
            Self::Logprob => "logprob".to_owned(),
        }
    }
}

impl fmt::Debug for ChooseBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}
