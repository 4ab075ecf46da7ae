//! Handovers and several drafts of a step.

use arbitrage_core::router::{Handover, Signal};
use arbitrage_core::{AdvantageRouter, ChooseBy, SeveralDrafts, StepScorer};
use arbitrage_router::{DraftChoiceName, DraftsName, Lookahead, LookaheadPolicy, Policy};

use super::NeededRoles;
use crate::Failure;
use crate::cli::LookaheadOptions;

/// How many drafts of a step are written, and what chooses one of them.
pub(crate) type DraftChoosing = (SeveralDrafts, ChooseBy);

impl LookaheadOptions {
    /// What is looked ahead, by name.
    pub(crate) fn lookahead(&self) -> Lookahead {
        let drafts = DraftsName { count: self.drafts, choice: self.choose_by };
        Lookahead { handover: self.handover, drafts: (self.drafts > 1).then_some(drafts) }
    }

    /// The policy with what it looks ahead.
    pub(crate) fn of(&self, policy: Policy) -> LookaheadPolicy {
        LookaheadPolicy { policy, lookahead: self.lookahead() }
    }

    /// Refuses what `policy` cannot do, before a model is loaded.
    pub(crate) fn check(&self, policy: Policy) -> Result<(), Failure> {
        let drafts = SeveralDrafts::new(self.drafts, self.draft_temperature)?;
        if drafts.count() == 1 || self.choose_by != DraftChoiceName::Estimate {
            return Ok(());
        }
        match policy.rule().map(|rule| rule.signal) {
            Some(Signal::MeanLogprob | Signal::FirstTokenEntropy | Signal::DraftScore | Signal::Estimate) => Ok(()),
            Some(Signal::Advantage) => Err(format!(
                "--choose-by estimate: `{policy}` compares a draft with the target's step, which is written after a draft is chosen; use \
                 --choose-by score or logprob"
            )
            .into()),
            Some(Signal::Uniform) | None => Err(format!(
                "--choose-by estimate: `{policy}` has no estimate of a draft; use --choose-by score or logprob"
            )
            .into()),
        }
    }

    /// What is needed besides what the policy needs: a target that may be the judge that chooses a draft.
    pub(crate) fn with_needed_roles(&self, needed: NeededRoles) -> NeededRoles {
        let chooses_by_score = self.drafts > 1 && self.choose_by == DraftChoiceName::Score;
        NeededRoles { target: needed.target || chooses_by_score, ..needed }
    }

    /// The router with its handovers.
    pub(crate) fn hand_over(&self, router: Box<dyn AdvantageRouter>) -> Box<dyn AdvantageRouter> {
        match self.handover {
            Some(rule) => Box::new(Handover::new(router, rule)),
            None => router,
        }
    }

    /// What chooses a draft under `policy`; `None` for one draft. `scorer` is opened only if it chooses.
    pub(crate) fn choosing(
        &self,
        policy: Policy,
        scorer: impl FnOnce() -> Result<Box<dyn StepScorer>, Failure>,
    ) -> Result<Option<DraftChoosing>, Failure> {
        self.check(policy)?;
        if self.drafts == 1 {
            return Ok(None);
        }
        let by = match (self.choose_by, policy.rule()) {
            (DraftChoiceName::Score, _) => ChooseBy::Score(scorer()?),
            (DraftChoiceName::Estimate, Some(rule)) => ChooseBy::Estimate(rule),
            (DraftChoiceName::Estimate | DraftChoiceName::Logprob, _) => ChooseBy::Logprob,
        };
        Ok(Some((SeveralDrafts::new(self.drafts, self.draft_temperature)?, by)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(drafts: usize, choose_by: DraftChoiceName) -> LookaheadOptions {
        LookaheadOptions { handover: None, drafts, choose_by, draft_temperature: 0.8 }
    }

    #[test]
    fn a_policy_without_an_estimate_cannot_choose_by_it() {
        let check = |policy: &str, drafts, choice| options(drafts, choice).check(policy.parse().unwrap());
        for policy in ["logprob:-0.1", "entropy:1", "rsd:0.5", "learned", "learned:0.1"] {
            check(policy, 4, DraftChoiceName::Estimate).unwrap();
        }
        for (policy, part) in
            [("draft", "no estimate"), ("target", "no estimate"), ("random:0.5", "no estimate"), ("oracle:0", "after")]
        {
            assert!(check(policy, 4, DraftChoiceName::Estimate).unwrap_err().to_string().contains(part), "{policy}");
            check(policy, 4, DraftChoiceName::Logprob).unwrap();
            check(policy, 1, DraftChoiceName::Estimate).unwrap();
        }
        assert!(check("learned", 0, DraftChoiceName::Estimate).is_err());
    }

    #[test]
    fn a_scorer_is_opened_only_to_choose() {
        let none = || Err(Failure::from("opened"));
        let policy = Policy::Learned(None);
        assert!(options(1, DraftChoiceName::Score).choosing(policy, none).unwrap().is_none());
        assert!(options(4, DraftChoiceName::Estimate).choosing(policy, none).unwrap().is_some());
        assert_eq!(options(4, DraftChoiceName::Score).choosing(policy, none).unwrap_err().to_string(), "opened");
    }
}
