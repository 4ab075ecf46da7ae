//! What a solution cost, per role.

use serde::{Deserialize, Serialize};

use crate::Author;

/// Implements `+`, `+=` and [`Iterator::sum`] for a struct of counts, field by field. The compiler asks for a field that is missing.
#[macro_export]
macro_rules! add_by_field {
    ($type:ident { $($field:ident),+ $(,)? }) => {
        impl std::ops::Add for $type {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self { $($field: self.$field + other.$field),+ }
            }
        }
        impl std::ops::AddAssign for $type {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }
        impl std::iter::Sum for $type {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                all.fold(Self::default(), std::ops::Add::add)
            }
        }
    };
}

/// What writing one step cost its model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepCost {
    /// Prompt tokens that were computed, those of the other model's steps included.
    pub prefilled: usize,
    /// Prompt tokens that were found in the cache.
    pub cached: usize,
    /// Tokens written.
    pub decoded: usize,
    /// Wall time in seconds; in a batch, this sequence's share.
    pub seconds: f64,
    /// Seconds of those until the first token was known, spent on the prompt.
    #[serde(default)]
    pub prefill_seconds: f64,
    /// Speculative tokens that were verified while the step was written.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub guessed: usize,
    /// Speculative tokens that were accepted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub confirmed: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl StepCost {
    /// A cost whose prefill time is unknown.
    pub fn new(prefilled: usize, cached: usize, decoded: usize, seconds: f64) -> Self {
        Self { prefilled, cached, decoded, seconds, ..Self::default() }
    }
}

add_by_field!(StepCost { prefilled, cached, decoded, seconds, prefill_seconds, guessed, confirmed });

/// What all steps of one role cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RoleUsage {
    /// Number of steps that the role wrote. Where there are several drafts of a step, each of them counts.
    pub calls: usize,
    /// Prompt tokens that were computed.
    pub prefilled: usize,
    /// Prompt tokens that were found in the cache.
    pub cached: usize,
    /// Tokens written, those of rejected steps included.
    pub decoded: usize,
    /// Tokens of the steps that were committed.
    pub kept_tokens: usize,
    /// Seconds of wall time. Where roles [overlap](crate::Overlap), they share some of them.
    pub seconds: f64,
    /// Seconds of those that were spent on prompts and on the other model's steps.
    #[serde(default)]
    pub prefill_seconds: f64,
    /// Speculative tokens that were verified.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub guessed: usize,
    /// Speculative tokens that were accepted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub confirmed: usize,
}

impl RoleUsage {
    pub(crate) fn record(&mut self, cost: &StepCost) {
        self.calls += 1;
        self.prefilled += cost.prefilled;
        self.cached += cost.cached;
        self.decoded += cost.decoded;
        self.seconds += cost.seconds;
        self.prefill_seconds += cost.prefill_seconds;
        self.guessed += cost.guessed;
        self.confirmed += cost.confirmed;
    }

    fn is_none(&self) -> bool {
        self.calls == 0
    }

    /// Mean seconds per decoded token, without prefill; `None` before the first.
    pub fn seconds_per_token(&self) -> Option<f64> {
        (self.decoded > 0).then(|| (self.seconds - self.prefill_seconds) / self.decoded as f64)
    }
}

add_by_field!(RoleUsage {
    calls,
    prefilled,
    cached,
    decoded,
    kept_tokens,
    seconds,
    prefill_seconds,
    guessed,
    confirmed
});

/// What one or many solutions cost. Usages of different problems add up with `+` or [`Iterator::sum`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// The drafter's usage.
    pub draft: RoleUsage,
    /// The target's usage.
    pub target: RoleUsage,
    /// Steps that the drafter wrote ahead, under [`Overlap`](crate::Overlap), and that were discarded. They are not in `draft`.
    #[serde(default, skip_serializing_if = "RoleUsage::is_none")]
    pub discarded: RoleUsage,
    /// Seconds in the router, its scorer included.
    pub router_seconds: f64,
    /// Committed steps that the draft wrote.
    pub accepted_steps: usize,
    /// Committed steps that the target wrote.
    pub escalated_steps: usize,
    /// Escalated steps whose score the target did not improve (`s_t ≤ s_d`; paper, Fig. 3).
    pub wasted_steps: usize,
    /// Escalated steps of which both scores are known.
    pub judged_steps: usize,
    /// Steps that were escalated because the router failed.
    pub fallback_steps: usize,
}

impl Usage {
    /// Share of committed steps that the draft wrote, the paper's `α`; `None` before the first step.
    pub fn acceptance_by_steps(&self) -> Option<f64> {
        share(self.accepted_steps, self.accepted_steps + self.escalated_steps)
    }

    /// Share of committed tokens that the draft wrote, the released script's figure; `None` before the first token.
    pub fn acceptance_by_tokens(&self) -> Option<f64> {
        share(self.draft.kept_tokens, self.draft.kept_tokens + self.target.kept_tokens)
    }

    /// The usage of `author`'s model.
    pub fn role(&self, author: Author) -> &RoleUsage {
        match author {
            Author::Draft => &self.draft,
            Author::Target => &self.target,
        }
    }

    pub(crate) fn role_mut(&mut self, author: Author) -> &mut RoleUsage {
        match author {
            Author::Draft => &mut self.draft,
            Author::Target => &mut self.target,
        }
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

add_by_field!(Usage {
    draft,
    target,
    discarded,
    router_seconds,
    accepted_steps,
    escalated_steps,
    wasted_steps,
    judged_steps,
    fallback_steps
});
