//! The threshold τ that meets a goal.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::{CalibrateError, Goal, StepSeconds};
use crate::metrics::error;

/// Calibrated estimates of a validation set, by which a threshold is chosen.
///
/// The steps should be representative of those that the router will see. In use, the threshold itself influences which
/// steps follow; the trajectories of the oracle, from which labels come, are only one possible distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidationSet {
    /// In ascending order.
    estimates: Vec<f32>,
    problems: usize,
    seconds: Option<StepSeconds>,
}

/// A threshold, and its effect on the validation set. A step is escalated iff its estimate is above `tau` (paper,
/// §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Threshold {
    /// The goal that it was chosen for.
    pub goal: Goal,
    /// The threshold, in [0, 1]. Values out of this range are rejected when a threshold is deserialised.
    #[serde(deserialize_with = "deserialize_tau")]
    pub tau: f32,
    /// Share of the steps that are accepted from the draft, in [0, 1].
    pub acceptance: f64,
    /// Escalated steps per problem.
    pub escalations: f64,
    /// Mean time per step as a share of the time of the target alone; `None` where the seconds are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<f64>,
}

impl ValidationSet {
    /// A set of estimates in [0, 1], one for each step of `problems` problems.
    ///
    /// # Errors
    /// [`CalibrateError::Series`] for estimates out of [0, 1]; [`CalibrateError::Parameter`] for no estimates, no
    /// problems, or more problems than estimates.
    pub fn new(estimates: &[f32], problems: usize) -> Result<Self, CalibrateError> {
        error::check_probabilities("estimate", estimates)?;
        if estimates.is_empty() {
            return Err(CalibrateError::parameter("estimates", "at least 1", 0));
        }
        if problems == 0 || problems > estimates.len() {
            return Err(CalibrateError::parameter("problems", "at least 1, and no more than estimates", problems));
        }
        let mut estimates = estimates.to_vec();
        estimates.sort_by(f32::total_cmp);
        Ok(Self { estimates, problems, seconds: None })
    }

    /// Adds the measured seconds per step, which [`Goal::Latency`] needs.
    ///
    /// # Errors
    /// As for [`StepSeconds::check`].
    pub fn with_seconds(mut self, seconds: StepSeconds) -> Result<Self, CalibrateError> {
        seconds.check()?;
        self.seconds = Some(seconds);
        Ok(self)
    }

    /// The effect of the threshold `tau`, which is a candidate for `goal`.
    fn evaluate(&self, goal: Goal, tau: f32) -> Threshold {
        let accepted = self.estimates.partition_point(|estimate| *estimate <= tau);
        let (steps, escalated) = (self.estimates.len() as f64, (self.estimates.len() - accepted) as f64);
        Threshold {
            goal,
            tau,
            acceptance: accepted as f64 / steps,
            escalations: escalated / self.problems as f64,
            latency: self.seconds.map(|seconds| seconds.relative(escalated / steps)),
        }
    }

    /// In ascending order, one threshold for each set of steps that a threshold can accept, from the least set to all
    /// steps. A threshold between two estimates lies halfway between them, so that small noise in an estimate does not
    /// change a decision. The threshold that accepts all steps is 1.
    fn candidates(&self) -> impl Iterator<Item = f32> {
        let gaps = self.estimates.windows(2).filter(|pair| pair[0] < pair[1]);
        let between = gaps.map(|pair| midpoint(pair[0], pair[1]));
        let accept_none = self.estimates.first().filter(|least| **least > 0.0).map(|_| 0.0);
        accept_none.into_iter().chain(between).chain([1.0])
    }
}

/// The middle of `low` and `high`, at least `low` and less than `high`. For adjacent floats it is `low`.
fn midpoint(low: f32, high: f32) -> f32 {
    let middle = low + (high - low) / 2.0;
    if middle < high { middle } else { low }
}

fn deserialize_tau<'de, D: Deserializer<'de>>(source: D) -> Result<f32, D::Error> {
    let found = f32::deserialize(source)?;
    let out_of_range = || D::Error::custom(format!("expected a threshold in 0..=1, found {found}"));
    if (0.0..=1.0).contains(&found) { Ok(found) } else { Err(out_of_range()) }
}

impl Goal {
    /// The least threshold that meets the goal on a validation set. An acceptance rate and a budget can always be met,
    /// if necessary by a threshold of 1. Where estimates tie, the threshold may accept more steps than the goal
    /// requires; the result says how many.
    ///
    /// # Errors
    /// [`CalibrateError::Unreachable`] where no threshold is fast enough, with the least latency of any threshold;
    /// [`CalibrateError::MissingSeconds`] for a latency without measured seconds; [`CalibrateError::NeedsRuns`] for
    /// [`Goal::Loss`]; [`CalibrateError::Goal`] for a goal whose number is out of range.
    pub fn threshold(self, validation: &ValidationSet) -> Result<Threshold, CalibrateError> {
        let goal = self.check()?;
        if matches!(goal, Self::Loss(_)) {
            return Err(CalibrateError::NeedsRuns { goal });
        }
        if matches!(goal, Self::Latency(_)) && validation.seconds.is_none() {
            return Err(CalibrateError::MissingSeconds { goal });
        }
        let mut fastest: Option<Threshold> = None;
        for threshold in validation.candidates().map(|tau| validation.evaluate(goal, tau)) {
            if goal.is_met(&threshold) {
                return Ok(threshold);
            }
            fastest = Some(fastest.filter(|best| best.latency <= threshold.latency).unwrap_or(threshold));
        }
        let (least, tau) = fastest.map_or((f64::NAN, 1.0), |best| (best.latency.unwrap_or(f64::NAN), best.tau));
        Err(CalibrateError::Unreachable { goal, least, tau })
    }

    fn is_met(self, threshold: &Threshold) -> bool {
        // 7 of 10 steps meet a goal of 0.7, although the quotient may be rounded down.
        const ROUNDING_TOLERANCE: f64 = 1e-12;
        match self {
            Self::Accept(share) => threshold.acceptance >= share - ROUNDING_TOLERANCE,
            Self::Budget(calls) => threshold.escalations <= calls * (1.0 + ROUNDING_TOLERANCE),
            Self::Latency(share) => {
                threshold.latency.is_some_and(|latency| latency <= share * (1.0 + ROUNDING_TOLERANCE))
            }
            Self::Loss(_) => false, // steps do not tell
        }
    }
}

#[cfg(test)]
mod tests;
