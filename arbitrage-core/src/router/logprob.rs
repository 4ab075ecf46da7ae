//! The draft's own confidence.

use super::{AdvantageRouter, threshold};
use crate::error::ScoreError;
use crate::{BoxError, Candidate, ConfigError, Decision, Route};

/// Escalates iff the drafted step's mean log-probability a token is below τ. It costs nothing beyond the draft.
///
/// A step of no tokens (the draft ended its text at once) has mean 0, the empty product's, and is kept.
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
        Ok(Self { tau: threshold::check("mean-logprob", tau, (f32::NEG_INFINITY, 0.0))? })
    }
}

impl AdvantageRouter for MeanLogprob {
    fn name(&self) -> String {
        format!("mean-logprob(τ={})", self.tau)
    }

    /// # Errors
    /// [`ScoreError::Signal`] when the drafter gives no log-probabilities.
    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        let draft = candidate.draft;
        let nothing_written = draft.text.is_empty().then_some(0.0);
        let mean =
            draft.mean_logprob().or(nothing_written).ok_or(ScoreError::Signal { signal: "log-probabilities" })?;
        Ok(Decision::new(Route::escalate_if(mean < self.tau)).with_estimate(mean))
    }
}
