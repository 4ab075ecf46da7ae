//! The draft's own confidence.

use super::{AdvantageRouter, ThresholdRule};
use crate::error::ScoreError;
use crate::{BoxError, Candidate, ConfigError, Decision};

/// Escalates iff the drafted step's mean log-probability a token is below τ. It costs nothing beyond the draft.
///
/// A step without tokens (the draft ended its text at once) has mean 0, the logarithm of the empty product, and is kept.
///
/// ```
/// use arbitrage_core::router::MeanLogprob;
/// assert!(MeanLogprob::new(-0.4).is_ok());
/// assert!(MeanLogprob::new(0.4).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanLogprob {
    tau: f32,
}

impl MeanLogprob {
    /// Escalates below `tau` nats a token. Minus infinity never escalates.
    ///
    /// # Errors
    /// [`ConfigError::Threshold`] unless `tau ≤ 0`.
    pub fn new(tau: f32) -> Result<Self, ConfigError> {
        Ok(Self { tau: ThresholdRule::LOGPROB.check(tau, None)? })
    }
}

impl AdvantageRouter for MeanLogprob {
    fn name(&self) -> String {
        format!("{}(τ={})", ThresholdRule::LOGPROB.name, self.tau)
    }

    /// # Errors
    /// [`ScoreError::Signal`] when the drafter gives no log-probabilities.
    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        let draft = candidate.draft;
        let mean_of_none = draft.text.is_empty().then_some(0.0);
        let mean = draft.mean_logprob().or(mean_of_none).ok_or(ScoreError::Signal { signal: "log-probabilities" })?;
        Ok(Decision::new(ThresholdRule::LOGPROB.decide(mean, self.tau)).with_estimate(mean))
    }
}
