//! The work that a solution is expected to take under a policy.

use super::decide::StepDecisions;
use super::{PairedSolution, StepPair};
use crate::cost::{DecisionWork, RoleWork, WorkCounts};

/// What a policy has the models do, besides its decisions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PolicyCost {
    /// Whether the target writes every drafted step, too, before the decision.
    pub writes_both: bool,
    /// The work of a decision.
    pub decision: DecisionWork,
}

/// Expected work along the collected steps, if step `i` is escalated with probability `escalations[i]`, independently of the others,
/// after a draft of it was written if `drafted[i]`. A step that is not drafted is the target's.
///
/// Caches are modelled as the engine has them. A model that is called again reads what the other wrote meanwhile, and its own last token,
/// which it sampled and never read. Where it wrote a step that was not committed, its cache is valid as far as the two steps agree.
pub(super) fn expected_work(problem: &PairedSolution, decisions: &StepDecisions, cost: PolicyCost) -> WorkCounts {
    let StepDecisions { escalations, drafted } = decisions;
    let pairs = || problem.pairs.iter().zip(escalations.iter().copied());
    let calls = |(escalation, drafted): (&f64, &bool)| if cost.writes_both && *drafted { 1.0 } else { *escalation };
    let target_calls: Vec<f64> = escalations.iter().zip(drafted).map(calls).collect();
    let by_target = |figure: &dyn Fn(&StepPair) -> usize, only_drafted: bool| -> f64 {
        let steps = problem.pairs.iter().zip(&target_calls).zip(drafted);
        let counted = steps.filter(|(_, drafted)| **drafted || !only_drafted);
        counted.map(|((pair, calls), _)| calls * figure(pair) as f64).sum()
    };
    let drafts = || problem.pairs.iter().zip(drafted).filter(|(_, drafted)| **drafted);
    let written: f64 = drafts().map(|(pair, _)| pair.draft.decoded as f64).sum();
    WorkCounts {
        draft: RoleWork { decoded: written, prefilled: read_by_draft(problem, decisions), ..RoleWork::default() },
        target: RoleWork {
            decoded: by_target(&|pair| pair.target.decoded, false),
            prefilled: read_by_target(pairs(), &target_calls, cost),
            guessed: by_target(&|pair| pair.target.guessed, true),
            confirmed: by_target(&|pair| pair.target.confirmed, true),
        },
        routed: if cost.decision == DecisionWork::Router { drafts().count() as f64 } else { 0.0 },
        scored: match cost.decision {
            DecisionWork::Nothing | DecisionWork::Router => 0.0,
            DecisionWork::ScoreDraft => written,
            DecisionWork::ScoreBoth => written + by_target(&|pair| pair.target.decoded, true),
        },
    }
}

/// The draft reads every committed step before the last one that it drafts, and the prompt if it drafts any.
fn read_by_draft(problem: &PairedSolution, decisions: &StepDecisions) -> f64 {
    let Some(last) = decisions.drafted.iter().rposition(|drafted| *drafted) else { return 0.0 };
    let prompt = problem.pairs.first().map_or(0.0, |pair| pair.draft.context as f64);
    let read = |at: usize| {
        let (pair, escalated) = (&problem.pairs[at], decisions.escalations[at]);
        let drafted = if decisions.drafted[at] { pair.draft.tokens } else { 0 };
        let shared = if decisions.drafted[at] { pair.shared } else { 0 };
        // What it reads next includes a later token anyway where the target also writes the next step.
        let least = usize::from(decisions.drafted[at + 1]);
        let read = unread_tokens(pair.target.tokens, drafted, shared).max(least);
        escalated * read as f64 + (1.0 - escalated)
    };
    prompt + (0..last).map(read).sum::<f64>()
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
            if cost.writes_both { unread_tokens(drafted, pair.target.tokens, pair.shared).max(1) } else { drafted };
        read += (1.0 - never_later) * (escalated + (1.0 - escalated) * of_draft as f64);
        never_later *= 1.0 - call;
    }
    read + (1.0 - never_later) * prompt
}

/// Tokens of a committed step that are not in the cache of a model that wrote a step of `written` tokens itself, which begins with the same
/// `shared` tokens. The last token of its own step is not in its cache. A model that is called next reads at least the last committed
/// token, to predict the one after it.
fn unread_tokens(committed: usize, written: usize, shared: usize) -> usize {
    committed.saturating_sub(shared.min(written.saturating_sub(1)))
}

#[cfg(test)]
mod tests;
