//! Reward-guided speculative decoding: a draft is kept where a scorer gives it a high score.

use super::{AdvantageRouter, ThresholdRule};
use crate::scorer::score_each;
use crate::{BoxError, Candidate, ConfigError, Decision, StepScorer, forward_methods};

/// Keeps a drafted step iff it scores above τ: `s_d > τ` (paper, §3.2; the released script has `≥`).
///
/// It sees how good the draft is, not whether the target would do better, and so wastes target calls where both fail.
/// It costs one scorer call a step. A batch is scored in one call; when that call fails, the steps are scored one by one,
/// so that one bad step does not end the other problems.
///
/// ```
/// use arbitrage_core::{router::Rsd, scorer::scorer_fn};
/// let by_length = || scorer_fn(|_, step| if step.text.len() > 20 { 1.0 } else { 0.0 });
/// assert!(Rsd::new(by_length(), 0.5).is_ok());
/// assert!(Rsd::new(by_length(), f32::NAN).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Rsd<S> {
    scorer: S,
    tau: f32,
}

impl<S: StepScorer> Rsd<S> {
    /// Keeps drafts that `scorer` puts above `tau`.
    ///
    /// # Errors
    /// [`ConfigError::Threshold`] unless `tau` is in the scorer's range.
    pub fn new(scorer: S, tau: f32) -> Result<Self, ConfigError> {
        let tau = ThresholdRule::RSD.check(tau, Some(scorer.range()))?;
        Ok(Self { scorer, tau })
    }

    fn decide(&self, score: f32) -> Decision {
        Decision::new(ThresholdRule::RSD.decide(score, self.tau)).with_estimate(score).with_draft_score(score)
    }
}

impl<S: StepScorer> AdvantageRouter for Rsd<S> {
    forward_methods!(AdvantageRouter, self => self.scorer; release);

    fn name(&self) -> String {
        format!("{}({}, τ={})", ThresholdRule::RSD.name, self.scorer.name(), self.tau)
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        super::single(self.route_batch(std::slice::from_ref(candidate)))
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let steps: Vec<_> = candidates.iter().map(|candidate| (candidate.prefix, candidate.draft)).collect();
        let scores = score_each(&mut self.scorer, &steps);
        scores.into_iter().map(|score| score.map(|score| self.decide(score))).collect()
    }
}
