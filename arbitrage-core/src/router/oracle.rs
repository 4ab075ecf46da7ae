//! The paper's oracle: both steps are written and scored, the better one is kept.

use super::{AdvantageRouter, ScoreBoth, StepScores, ThresholdRule};
use crate::{BoxError, Candidate, ConfigError, Decision, Evidence, forward_methods};

/// Escalates iff the advantage `Δ = s_t − s_d` is greater than τ (paper, §3.3). Greedy routing by `Δ` is the best that a
/// myopic router can do (Theorem B.1).
///
/// It calls the target for every step, so it shows what routing could gain and is never faster than the target. With a
/// trace sink it also collects the training data of a router. Both steps of all sequences are scored in one call; when that
/// call fails, they are scored one by one.
///
/// ```
/// use arbitrage_core::{router::Oracle, scorer::scorer_fn};
/// assert!(Oracle::new(scorer_fn(|_, _| 0.5), -1.0).is_ok());
/// assert!(Oracle::new(scorer_fn(|_, _| 0.5), 1.5).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Oracle<S> {
    scorer: S,
    tau: f32,
}

impl<S: ScoreBoth> Oracle<S> {
    /// Escalates where `scorer` puts the target's step more than `tau` above the draft's.
    ///
    /// # Errors
    /// [`ConfigError::Threshold`] unless `tau` is within ± the width of the scorer's range.
    pub fn new(scorer: S, tau: f32) -> Result<Self, ConfigError> {
        let tau = ThresholdRule::ORACLE.check(tau, Some(scorer.range()))?;
        Ok(Self { scorer, tau })
    }

    fn decide(&self, scores: StepScores) -> Decision {
        let advantage = scores.target - scores.draft;
        scores.record_in(Decision::new(ThresholdRule::ORACLE.decide(advantage, self.tau)).with_estimate(advantage))
    }
}

impl<S: ScoreBoth> AdvantageRouter for Oracle<S> {
    forward_methods!(AdvantageRouter, self => self.scorer; release);

    fn name(&self) -> String {
        format!("{}({}, τ={})", ThresholdRule::ORACLE.name, self.scorer.name(), self.tau)
    }

    fn evidence(&self) -> Evidence {
        Evidence::Both
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        super::single(self.route_batch(std::slice::from_ref(candidate)))
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let scores = self.scorer.score_both(candidates);
        scores.into_iter().map(|both| both.map(|scores| self.decide(scores))).collect()
    }
}
