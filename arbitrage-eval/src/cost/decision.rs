//! The work of a routing decision.

use arbitrage_core::router::Signal;
use arbitrage_router::Policy;
use serde::{Deserialize, Serialize};

/// The work that a policy's decision on a drafted step takes, besides the steps themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecisionWork {
    /// None: the policy uses what the draft computed anyway, or nothing.
    #[default]
    Nothing,
    /// A trained router runs on the step.
    Router,
    /// A scorer reads the draft's step: RSD.
    #[serde(rename = "draft")]
    ScoreDraft,
    /// A scorer reads both models' steps: the oracle.
    #[serde(rename = "both")]
    ScoreBoth,
}

impl DecisionWork {
    /// By a policy's name, with or without its threshold and its [lookahead](arbitrage_router::Lookahead). Decisions of unknown policies are taken to need no work.
    pub fn named(policy: &str) -> Self {
        let base = policy.split_once('+').map_or(policy, |(base, _)| base);
        base.parse::<Policy>().map_or(Self::Nothing, |policy| Self::from(&policy))
    }
}

impl From<&Policy> for DecisionWork {
    fn from(policy: &Policy) -> Self {
        match policy.rule().map(|rule| rule.signal) {
            Some(Signal::Estimate) => Self::Router,
            Some(Signal::DraftScore) => Self::ScoreDraft,
            Some(Signal::Advantage) => Self::ScoreBoth,
            Some(Signal::Uniform | Signal::MeanLogprob | Signal::FirstTokenEntropy) | None => Self::Nothing,
        }
    }
}
