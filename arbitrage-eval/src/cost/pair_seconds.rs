//! Seconds per token of a pair, each kind of token measured by itself.

use serde::{Deserialize, Serialize};

use super::WorkCounts;
use super::work::RoleWork;

/// Seconds per token of both models on one machine, each kind of token measured by itself, with one number of problems in flight. With
/// several, the seconds are a problem's share of the batch.
///
/// [`Hardware`](super::Hardware) has one price for every token that is read. Where a prompt is read much more cheaply per token than a
/// step, which is read in a short pass of its own, this tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairSeconds {
    /// Number of problems in flight, at least 1.
    pub in_flight: usize,
    /// The draft's.
    pub draft: PassSeconds,
    /// The target's.
    pub target: PassSeconds,
}

/// Seconds per token of one model, at least 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PassSeconds {
    /// Per decoded token.
    pub decoded: f64,
    /// Per token of a prompt.
    pub read: f64,
    /// Per token of a step that is read in one pass after a cached prefix: to verify it, or to catch up with what the other model wrote.
    pub verified: f64,
}

/// Tokens of prompts, which are among a problem's prefilled tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PromptTokens {
    /// Those that the draft reads.
    pub draft: f64,
    /// Those that the target reads.
    pub target: f64,
}

impl PairSeconds {
    /// Seconds of both models for `work`, of whose prefilled tokens `prompts` are those of prompts. Confirmed speculative tokens are
    /// verified and not decoded. Routers and scorers take no time.
    pub fn seconds(&self, work: &WorkCounts, prompts: PromptTokens) -> f64 {
        self.draft.seconds(&work.draft, prompts.draft) + self.target.seconds(&work.target, prompts.target)
    }
}

impl PassSeconds {
    fn seconds(&self, work: &RoleWork, prompt: f64) -> f64 {
        self.decoded * (work.decoded - work.confirmed)
            + self.read * prompt
            + self.verified * (work.prefilled - prompt + work.guessed)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A pair whose draft is eight times as fast as its target; a step's tokens are read four times as fast as they are decoded.
    pub(crate) fn pair() -> PairSeconds {
        PairSeconds {
            in_flight: 1,
            draft: PassSeconds { decoded: 0.125, read: 0.015625, verified: 0.03125 },
            target: PassSeconds { decoded: 1.0, read: 0.125, verified: 0.25 },
        }
    }

    #[test]
    fn each_kind_of_token_has_its_price() {
        let draft = RoleWork { decoded: 16.0, prefilled: 10.0, ..RoleWork::default() };
        let target = RoleWork { decoded: 12.0, prefilled: 20.0, guessed: 8.0, confirmed: 4.0 };
        let work = WorkCounts { draft, target, routed: 3.0, scored: 5.0 };
        let seconds = pair().seconds(&work, PromptTokens { draft: 8.0, target: 16.0 });
        // The draft: 16 decoded, 8 of a prompt, 2 of steps. The target: 8 decoded, 16 of a prompt, 4 of steps and 8 verified.
        assert_eq!(seconds, (2.0 + 0.125 + 0.0625) + (8.0 + 2.0 + 1.0 + 2.0));
        assert_eq!(pair().seconds(&WorkCounts::default(), PromptTokens::default()), 0.0);
    }
}
