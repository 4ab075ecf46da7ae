//! Counts of work, independent of time.

use arbitrage_core::{RoleUsage, Usage, add_by_field};
use serde::{Deserialize, Serialize};

use super::DecisionWork;

/// The work done, or expected, for a problem. Expectations need not be whole numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkCounts {
    /// Work of the draft.
    pub draft: RoleWork,
    /// Work of the target.
    pub target: RoleWork,
    /// Steps that a trained router ran on.
    pub routed: f64,
    /// Tokens of steps that a scorer read.
    pub scored: f64,
}

/// The work of one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RoleWork {
    /// Decoded tokens, including those of rejected steps.
    pub decoded: f64,
    /// Prefilled tokens: prompts, and the other model's steps.
    pub prefilled: f64,
    /// Speculative tokens that were verified, such as those of rejected drafts.
    pub guessed: f64,
    /// Speculative tokens that were confirmed; `decoded` includes them.
    pub confirmed: f64,
}

impl WorkCounts {
    /// The work behind a usage, for a policy whose decisions take `decision`.
    pub fn of(usage: &Usage, decision: DecisionWork) -> Self {
        let (draft, target) = (RoleWork::of(&usage.draft), RoleWork::of(&usage.target));
        let scored = match decision {
            DecisionWork::Nothing | DecisionWork::Router => 0.0,
            DecisionWork::ScoreDraft => draft.decoded,
            DecisionWork::ScoreBoth => draft.decoded + target.decoded,
        };
        let routed = if decision == DecisionWork::Router { usage.draft.calls as f64 } else { 0.0 };
        Self { draft, target, routed, scored }
    }
}

impl RoleWork {
    fn of(usage: &RoleUsage) -> Self {
        let [decoded, prefilled, guessed, confirmed] =
            [usage.decoded, usage.prefilled, usage.guessed, usage.confirmed].map(|count| count as f64);
        Self { decoded, prefilled, guessed, confirmed }
    }
}

add_by_field!(RoleWork { decoded, prefilled, guessed, confirmed });
add_by_field!(WorkCounts { draft, target, routed, scored });
