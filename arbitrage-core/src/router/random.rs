//! A seeded coin: the baseline for every router at the same rate of escalation.

use super::{AdvantageRouter, ThresholdRule};
use crate::{BoxError, Candidate, ConfigError, Decision};

/// Escalates a step with a given probability, whatever the draft wrote. A router that is not better than this one at
/// the same rate of escalation has learned nothing.
///
/// The draft is written before the coin is thrown, as under the policies that this one is compared with. The coin depends on
/// the problem's seed and the step's index alone, and shares no random number with the models.
///
/// ```
/// use arbitrage_core::router::Random;
/// assert!(Random::new(0.3).is_ok());
/// assert!(Random::new(30.0).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Random {
    rate: f32,
}

impl Random {
    /// Escalates with probability `rate`.
    ///
    /// # Errors
    /// [`ConfigError::Threshold`] unless `rate` is in `[0, 1]`.
    pub fn new(rate: f32) -> Result<Self, ConfigError> {
        Ok(Self { rate: ThresholdRule::RANDOM.check(rate, None)? })
    }
}

impl AdvantageRouter for Random {
    fn name(&self) -> String {
        format!("{}(rate={})", ThresholdRule::RANDOM.name, self.rate)
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        let coin = candidate.prefix.routing_draw().uniform();
        Ok(ThresholdRule::RANDOM.decide(coin, self.rate).into())
    }
}
