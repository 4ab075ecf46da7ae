//! Counts of work, independent of time.

use arbitrage_core::{RoleUsage, Usage, add_by_field};
use arbitrage_router::{DraftChoiceName, Lookahead};
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

impl WorkCounts {
    /// The work behind a usage under the policy with this name. Where a draft was chosen from several, a trained router that
    /// chooses by its estimate ran on each of them; where a scorer chooses, the router ran on the chosen ones alone, and the scorer
    /// read all of them.
    pub fn of_policy(usage: &Usage, policy: &str) -> Self {
        let mut work = Self::of(usage, DecisionWork::named(policy));
        let Some(drafts) = Lookahead::of_name(policy).drafts else { return work };
        if drafts.choice != DraftChoiceName::Estimate {
            work.routed /= drafts.count as f64;
        }
        if drafts.choice == DraftChoiceName::Score {
            // RSD then reads the chosen draft a second time.
            work.scored = work.scored / drafts.count as f64 + work.draft.decoded;
        }
        work
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_drafts_are_read_by_what_chooses_them() {
        let mut usage = Usage::default();
        (usage.draft.calls, usage.draft.decoded) = (8, 80);
        let counts = |policy: &str| {
            let work = WorkCounts::of_policy(&usage, policy);
            (work.routed, work.scored)
        };
        for (policy, expected) in [
            ("learned:0.5", (8.0, 0.0)),
            ("learned:0.5+handover:1", (8.0, 0.0)),
            ("learned+drafts:4", (8.0, 0.0)),
            ("learned:0.5+drafts:4:logprob", (2.0, 0.0)),
            ("learned:0.5+drafts:4:score", (2.0, 80.0)),
            ("rsd:0.5+drafts:4", (0.0, 80.0)),
            ("rsd:0.5+drafts:4:score", (0.0, 100.0)),
            ("draft+drafts:2:score", (0.0, 80.0)),
        ] {
            assert_eq!(counts(policy), expected, "{policy}");
        }
    }
}
