//! What was done, whatever it took.

use std::ops::{Add, AddAssign};

use arbitrage_core::{RoleUsage, Usage};
use serde::{Deserialize, Serialize};

use super::Judge;

/// What was done for a problem, or is expected to be: counts that need not be whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Work {
    /// By the draft.
    pub draft: RoleWork,
    /// By the target.
    pub target: RoleWork,
    /// Steps that a router judged.
    pub routed: f64,
    /// Tokens of steps that a scorer read.
    pub scored: f64,
}

/// What one model did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RoleWork {
    /// Tokens written, those of rejected steps included.
    pub decoded: f64,
    /// Tokens read: prompts, and what it had not written itself.
    pub prefilled: f64,
    /// Tokens guessed and verified, such as those of rejected drafts.
    pub guessed: f64,
    /// Tokens, of those, that came true, and are among those written.
    pub confirmed: f64,
}

impl Work {
    /// What was done at this usage by a policy that decides so.
    pub fn of(usage: &Usage, judge: Judge) -> Self {
        let (draft, target) = (RoleWork::of(&usage.draft), RoleWork::of(&usage.target));
        let scored = match judge {
            Judge::Nothing | Judge::Router => 0.0,
            Judge::Draft => draft.decoded,
            Judge::Both => draft.decoded + target.decoded,
        };
        let routed = if judge == Judge::Router { usage.draft.calls as f64 } else { 0.0 };
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

impl Add for RoleWork {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            decoded: self.decoded + other.decoded,
            prefilled: self.prefilled + other.prefilled,
            guessed: self.guessed + other.guessed,
            confirmed: self.confirmed + other.confirmed,
        }
    }
}

impl Add for Work {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            draft: self.draft + other.draft,
            target: self.target + other.target,
            routed: self.routed + other.routed,
            scored: self.scored + other.scored,
        }
    }
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Work {
    fn sum<I: Iterator<Item = Self>>(works: I) -> Self {
        works.fold(Self::default(), Add::add)
    }
}
