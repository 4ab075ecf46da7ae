//! The draft's uncertainty at the step's beginning.

use super::{AdvantageRouter, ThresholdRule};
use crate::error::ScoreError;
use crate::{BoxError, Candidate, ConfigError, Decision};

/// Escalates iff the entropy of the draft's distribution for the step's first token is above τ (GlimpRouter). It costs
/// nothing beyond the draft.
///
/// ```
/// use arbitrage_core::router::FirstTokenEntropy;
/// assert!(FirstTokenEntropy::new(1.5).is_ok());
/// assert!(FirstTokenEntropy::new(-1.5).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FirstTokenEntropy {
    tau: f32,
}

impl FirstTokenEntropy {
    /// Escalates above `tau` nats. Infinity never escalates.
    ///
    /// # Errors
    /// [`ConfigError::Threshold`] unless `tau ≥ 0`.
    pub fn new(tau: f32) -> Result<Self, ConfigError> {
        Ok(Self { tau: ThresholdRule::ENTROPY.check(tau, None)? })
    }
}

impl AdvantageRouter for FirstTokenEntropy {
    fn name(&self) -> String {
        format!("{}(τ={})", ThresholdRule::ENTROPY.name, self.tau)
    }

    /// # Errors
    /// [`ScoreError::Signal`] when the drafter does not give the entropy.
    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        let entropy = candidate.draft.first_entropy.ok_or(ScoreError::Signal { signal: "first-token entropy" })?;
        Ok(Decision::new(ThresholdRule::ENTROPY.decide(entropy, self.tau)).with_estimate(entropy))
    }
}
