//! What a policy compares with its threshold, and on which side of it a step is escalated.

use crate::{ConfigError, Route};

/// The number that a policy compares with its threshold τ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// A uniform random number in `[0, 1)`, drawn from the problem's seed and the step's index.
    Uniform,
    /// Mean log-probability a token of the drafted step, in nats.
    MeanLogprob,
    /// Entropy of the draft's distribution for the step's first token, in nats.
    FirstTokenEntropy,
    /// A scorer's score `s_d` of the drafted step.
    DraftScore,
    /// The advantage `Δ = s_t − s_d` of the target's step over the drafted one.
    Advantage,
    /// The estimate of a trained router, or of a router of your own: [`Decision::estimate`](crate::Decision::estimate).
    Estimate,
}

impl Signal {
    /// Whether the signal comes from a [`StepScorer`](crate::StepScorer).
    pub fn needs_scorer(self) -> bool {
        matches!(self, Self::DraftScore | Self::Advantage)
    }
}

/// On which side of the threshold a step is escalated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The signal is less than τ.
    Below,
    /// The signal is at most τ.
    AtOrBelow,
    /// The signal is greater than τ.
    Above,
    /// The signal is at least τ.
    AtOrAbove,
}

/// The values that a threshold may have. NaN is never among them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ThresholdRange {
    /// From `low` to `high`, both included.
    Fixed {
        /// Least valid threshold.
        low: f32,
        /// Greatest valid threshold.
        high: f32,
    },
    /// The [range](crate::StepScorer::range) of the policy's scorer.
    Scores,
    /// Differences of two scores: plus or minus the width of the scorer's range.
    ScoreDifferences,
}

impl ThresholdRange {
    /// Least and greatest valid threshold under a scorer with the range `scorer`. Without a scorer, thresholds on scores may
    /// be any number.
    pub fn bounds(self, scorer: Option<(f32, f32)>) -> (f32, f32) {
        match (self, scorer) {
            (Self::Fixed { low, high }, _) => (low, high),
            (Self::Scores, Some(range)) => range,
            (Self::ScoreDifferences, Some((low, high))) => (low - high, high - low),
            (Self::Scores | Self::ScoreDifferences, None) => (f32::NEG_INFINITY, f32::INFINITY),
        }
    }
}

/// How a policy with a threshold decides, stated once: the routers, replays of collected steps, grids of thresholds, servers
/// and cost models all go by it.
///
/// ```
/// use arbitrage_core::Route;
/// use arbitrage_core::router::ThresholdRule;
///
/// let rsd = ThresholdRule::RSD;
/// assert_eq!(rsd.decide(0.5, 0.5), Route::Escalate);
/// assert!(rsd.check(1.5, Some((0.0, 1.0))).is_err());
/// // A step with a lower score is escalated before one with a higher score, at any threshold.
/// assert!(rsd.escalation_score(0.2) > rsd.escalation_score(0.8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThresholdRule {
    /// The policy's name in options, traces, reports and error messages.
    pub name: &'static str,
    /// What is compared with τ.
    pub signal: Signal,
    /// On which side of τ a step is escalated.
    pub side: Side,
    /// Valid values of τ.
    pub range: ThresholdRange,
    /// The τ of a policy that is named without one; `None` where it is stored with the router's weights.
    pub default: Option<f32>,
}

impl ThresholdRule {
    /// [`Random`](super::Random): the threshold is the rate of escalation.
    pub const RANDOM: Self = Self {
        name: "random",
        signal: Signal::Uniform,
        side: Side::Below,
        range: ThresholdRange::Fixed { low: 0.0, high: 1.0 },
        default: Some(0.3),
    };
    /// [`MeanLogprob`](super::MeanLogprob). The default suits the shipped pair of models.
    pub const LOGPROB: Self = Self {
        name: "logprob",
        signal: Signal::MeanLogprob,
        side: Side::Below,
        range: ThresholdRange::Fixed { low: f32::NEG_INFINITY, high: 0.0 },
        default: Some(-0.15),
    };
    /// [`FirstTokenEntropy`](super::FirstTokenEntropy).
    pub const ENTROPY: Self = Self {
        name: "entropy",
        signal: Signal::FirstTokenEntropy,
        side: Side::Above,
        range: ThresholdRange::Fixed { low: 0.0, high: f32::INFINITY },
        default: Some(1.0),
    };
    /// [`Rsd`](super::Rsd): a score equal to τ is escalated.
    pub const RSD: Self = Self {
        name: "rsd",
        signal: Signal::DraftScore,
        side: Side::AtOrBelow,
        range: ThresholdRange::Scores,
        default: Some(0.5),
    };
    /// [`Oracle`](super::Oracle).
    pub const ORACLE: Self = Self {
        name: "oracle",
        signal: Signal::Advantage,
        side: Side::Above,
        range: ThresholdRange::ScoreDifferences,
        default: Some(0.0),
    };
    /// Trained routers, whose estimate is a probability that the target's step is better.
    pub const LEARNED: Self = Self {
        name: "learned",
        signal: Signal::Estimate,
        side: Side::Above,
        range: ThresholdRange::Fixed { low: 0.0, high: 1.0 },
        default: None,
    };

    /// The route of a step whose signal is `value`, under the threshold `tau`. NaN is accepted, since no comparison holds for
    /// it; the engine refuses decisions with such estimates.
    pub fn decide(&self, value: impl Into<f64>, tau: f32) -> Route {
        let (value, tau) = (value.into(), f64::from(tau));
        Route::escalate_if(match self.side {
            Side::Below => value < tau,
            Side::AtOrBelow => value <= tau,
            Side::Above => value > tau,
            Side::AtOrAbove => value >= tau,
        })
    }

    /// `tau`, if it is valid under a scorer with the range `scorer`.
    ///
    /// # Errors
    /// [`ConfigError::Threshold`] for a threshold out of its [range](Self::range), or NaN.
    pub fn check(&self, tau: f32, scorer: Option<(f32, f32)>) -> Result<f32, ConfigError> {
        let (low, high) = self.range.bounds(scorer);
        if (low..=high).contains(&tau) {
            Ok(tau)
        } else {
            Err(ConfigError::Threshold { policy: self.name.to_owned(), low, high, found: tau })
        }
    }

    /// How early a step is escalated when the threshold moves: of two steps, the one with the greater score is escalated
    /// first, whatever τ is. It is the signal, negated where low values are escalated.
    pub fn escalation_score(&self, value: f32) -> f32 {
        match self.side {
            Side::Below | Side::AtOrBelow => -value,
            Side::Above | Side::AtOrAbove => value,
        }
    }

    /// The threshold that separates two neighbours in the order of escalation: it escalates the steps with an
    /// [escalation score](Self::escalation_score) of `last` or more, and none with `next`, the greatest score that is smaller
    /// than `last`. Without such a step it escalates as much as `last` demands and the rule's range allows.
    pub fn threshold_between(&self, last: f32, next: Option<f32>, scorer: Option<(f32, f32)>) -> f32 {
        let (low, high) = self.range.bounds(scorer);
        // The signal of an escalation score: negating twice gives the same number.
        match self.side {
            Side::AtOrBelow | Side::AtOrAbove => self.escalation_score(last),
            Side::Below => next.map_or(high, |next| self.escalation_score(next)),
            Side::Above => next.map_or(low, |next| self.escalation_score(next)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: [ThresholdRule; 7] = [
        ThresholdRule::RANDOM,
        ThresholdRule::LOGPROB,
        ThresholdRule::ENTROPY,
        ThresholdRule::RSD,
        ThresholdRule::ORACLE,
        ThresholdRule::LEARNED,
        ThresholdRule { side: Side::AtOrAbove, ..ThresholdRule::LEARNED },
    ];
    const UNIT: Option<(f32, f32)> = Some((0.0, 1.0));

    #[test]
    fn defaults_are_valid() {
        for rule in RULES {
            assert!(rule.default.is_none_or(|tau| rule.check(tau, UNIT).is_ok()), "{}", rule.name);
        }
    }

    #[test]
    fn thresholds_outside_of_the_range_are_refused_by_the_policys_name() {
        for (rule, valid, invalid) in [
            (ThresholdRule::RANDOM, vec![0.0, 1.0], vec![-0.1, 1.1]),
            (ThresholdRule::LOGPROB, vec![f32::NEG_INFINITY, 0.0], vec![0.1, f32::INFINITY]),
            (ThresholdRule::ENTROPY, vec![0.0, f32::INFINITY], vec![-0.1]),
            (ThresholdRule::RSD, vec![2.0, 5.0], vec![1.9, 5.1]),
            (ThresholdRule::ORACLE, vec![-3.0, 3.0], vec![-3.1, 3.1]),
            (ThresholdRule::LEARNED, vec![0.0, 1.0], vec![1.1]),
        ] {
            let check = |tau| rule.check(tau, Some((2.0, 5.0)));
            assert!(valid.iter().all(|tau| check(*tau) == Ok(*tau)), "{}", rule.name);
            for tau in invalid.into_iter().chain([f32::NAN]) {
                assert!(check(tau).unwrap_err().to_string().starts_with(rule.name), "{}: {tau}", rule.name);
            }
        }
        assert!(ThresholdRule::RSD.check(7.0, None).is_ok(), "the range of scores is unknown");
        assert!(ThresholdRule::RSD.check(f32::NAN, None).is_err());
    }

    proptest! {
        #[test]
        fn a_step_with_a_greater_escalation_score_is_escalated_first(
            rule in prop::sample::select(RULES.to_vec()), one in -2.0..2.0f32, other in -2.0..2.0f32, tau in -2.0..2.0f32,
        ) {
            if rule.escalation_score(one) >= rule.escalation_score(other) && rule.decide(other, tau) == Route::Escalate {
                prop_assert_eq!(rule.decide(one, tau), Route::Escalate);
            }
        }

        #[test]
        fn the_threshold_between_two_steps_escalates_the_first_alone(
            rule in prop::sample::select(RULES.to_vec()), one in 0.0..1.0f32, other in 0.0..1.0f32,
        ) {
            prop_assume!(one != other);
            let [first, second] = if rule.escalation_score(one) > rule.escalation_score(other) { [one, other] } else { [other, one] };
            let [last, next] = [first, second].map(|value| rule.escalation_score(value));
            let tau = rule.threshold_between(last, Some(next), UNIT);
            prop_assert_eq!((rule.decide(first, tau), rule.decide(second, tau)), (Route::Escalate, Route::Accept));
        }
    }
}
