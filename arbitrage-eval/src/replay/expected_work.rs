//! The work that a solution is expected to take under a policy.

use super::{PairedSolution, StepPair};
use crate::cost::{DecisionWork, RoleWork, WorkCounts};

/// What a policy has the models do, besides its decisions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PolicyCost {
    /// Whether the draft writes every step before the decision.
    pub drafts: bool,
    /// Whether the target does, too.
    pub writes_both: bool,
    /// The work of a decision.
    pub decision: DecisionWork,
}

/// Expected work along the collected steps, if step `i` is escalated with probability `escalations[i]`, independently of the others.
///
/// Caches are modelled as the engine has them. A model that is called again reads what the other wrote meanwhile, and its own last token,
/// which it sampled and never read. Where it wrote a step that was not committed, its cache is valid as far as the two steps agree.
pub(super) fn expected_work(problem: &PairedSolution, escalations: &[f64], cost: PolicyCost) -> WorkCounts {
    let pairs = || problem.pairs.iter().zip(escalations.iter().copied());
    let target_calls: Vec<f64> = escalations.iter().map(|e| if cost.writes_both { 1.0 } else { *e }).collect();
    let by_target = |figure: &dyn Fn(&StepPair) -> usize| -> f64 {
        problem.pairs.iter().zip(&target_calls).map(|(pair, calls)| calls * figure(pair) as f64).sum()
    };
    let drafted: f64 = problem.pairs.iter().map(|pair| pair.draft.decoded as f64).sum();
    let mut work = WorkCounts::default();
    work.target.decoded = by_target(&|pair| pair.target.decoded);
    work.target.prefilled = read_by_target(pairs(), &target_calls, cost);
    if cost.drafts {
        work.draft = RoleWork { decoded: drafted, prefilled: read_by_draft(pairs()), ..RoleWork::default() };
        work.target.guessed = by_target(&|pair| pair.target.guessed);
        work.target.confirmed = by_target(&|pair| pair.target.confirmed);
    }
    work.routed = if cost.decision == DecisionWork::Router { problem.pairs.len() as f64 } else { 0.0 };
    work.scored = match cost.decision {
        DecisionWork::Nothing | DecisionWork::Router => 0.0,
        DecisionWork::ScoreDraft => drafted,
        DecisionWork::ScoreBoth => drafted + work.target.decoded,
    };
    work
}

/// The draft is called for every step, so that it reads every committed step except the last.
fn read_by_draft<'p>(pairs: impl DoubleEndedIterator<Item = (&'p StepPair, f64)> + Clone) -> f64 {
    let prompt = pairs.clone().next().map_or(0.0, |(pair, _)| pair.draft.context as f64);
    let later = pairs.rev().skip(1).map(|(pair, escalated)| {
        escalated * catch_up_tokens(pair.target.tokens, pair.draft.tokens, pair.shared) + (1.0 - escalated)
    });
    prompt + later.sum::<f64>()
}

/// The target reads a step only if it is called for a later one, so that it never reads what the draft writes after the target's last step;
/// if it is never called, it does not read the prompt either.
fn read_by_target<'p>(
    pairs: impl DoubleEndedIterator<Item = (&'p StepPair, f64)> + ExactSizeIterator + Clone,
    calls: &[f64],
    cost: PolicyCost,
) -> f64 {
    let prompt = pairs.clone().next().map_or(0.0, |(pair, _)| pair.target.context as f64);
    let (mut never_later, mut read) = (1.0, 0.0);
    for ((pair, escalated), call) in pairs.rev().zip(calls.iter().rev()) {
        let drafted = pair.draft.tokens;
        let of_draft =
            if cost.writes_both { catch_up_tokens(drafted, pair.target.tokens, pair.shared) } else { drafted as f64 };
        read += (1.0 - never_later) * (escalated + (1.0 - escalated) * of_draft);
        never_later *= 1.0 - call;
    }
    read + (1.0 - never_later) * prompt
}

/// Tokens that a model reads of a committed step, if it wrote a step of `written` tokens itself that begins with the same `shared` tokens.
/// The last token of its own step is not in its cache, and the last committed token is always read again, to predict the next one.
fn catch_up_tokens(committed: usize, written: usize, shared: usize) -> f64 {
    committed.saturating_sub(shared.min(written.saturating_sub(1))).max(1) as f64
}

#[cfg(test)]
mod tests;
