//! From a goal to τ.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::{CalibrateError, Goal, StepSeconds};
use crate::metrics::error;

/// Estimates by which a threshold is chosen: those of a validation set, calibrated as they will be in use.
///
/// They have to be those of steps that the router meets. Which steps follow depends a little on the threshold itself;
/// the oracle's trajectories, which the labels are from, are one choice among many.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Ascending.
    estimates: Vec<f32>,
    problems: usize,
    seconds: Option<StepSeconds>,
}

/// A threshold, and what it does on the validation set. A step is escalated iff its estimate is above `tau` (paper,
/// §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Threshold {
    /// What it was chosen for.
    pub goal: Goal,
    /// The threshold, in [0, 1], which is checked when it is read.
    #[serde(deserialize_with = "tau")]
    pub tau: f32,
    /// Share of the steps that are kept from the draft.
    pub acceptance: f64,
    /// Escalated steps a problem.
    pub escalations: f64,
    /// Mean time a step as a share of that of the target alone, where seconds are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<f64>,
}

impl Validation {
    /// Estimates in [0, 1] of the steps of `problems` problems.
    ///
    /// # Errors
    /// [`CalibrateError::Series`] for estimates out of [0, 1]; [`CalibrateError::Parameter`] for no estimates, no
    /// problems, or more problems than estimates.
    pub fn new(estimates: &[f32], problems: usize) -> Result<Self, CalibrateError> {
        error::probabilities("estimate", estimates)?;
        if estimates.is_empty() {
            return Err(CalibrateError::parameter("estimates", "at least 1", 0));
        }
        if problems == 0 || problems > estimates.len() {
            return Err(CalibrateError::parameter("problems", "at least 1, each with a step", problems));
        }
        let mut estimates = estimates.to_vec();
        estimates.sort_by(f32::total_cmp);
        Ok(Self { estimates, problems, seconds: None })
    }

    /// Adds the measured seconds, which [`Goal::Latency`] needs.
    ///
    /// # Errors
    /// [`CalibrateError::Parameter`] for times that are none.
    pub fn with_seconds(mut self, seconds: StepSeconds) -> Result<Self, CalibrateError> {
        seconds.check()?;
        self.seconds = Some(seconds);
        Ok(self)
    }

    /// What a threshold does here; `goal` is noted.
    fn measure(&self, goal: Goal, tau: f32) -> Threshold {
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

    /// One threshold for each set of steps that a threshold can accept, ascending. Between two estimates it lies in the
    /// middle, so that a little noise in an estimate does not turn a decision; the first is 0, the last 1.
    fn thresholds(&self) -> impl Iterator<Item = f32> {
        let steps = self.estimates.windows(2).filter(|pair| pair[0] < pair[1]).map(|pair| middle(pair[0], pair[1]));
        let none = self.estimates.first().filter(|least| **least > 0.0).map(|_| 0.0);
        none.into_iter().chain(steps).chain([1.0])
    }
}

/// A number from `low` up to, but not including, `high`: of two neighbouring floats, the lower one.
fn middle(low: f32, high: f32) -> f32 {
    let middle = low + (high - low) / 2.0;
    if middle < high { middle } else { low }
}

fn tau<'de, D: Deserializer<'de>>(source: D) -> Result<f32, D::Error> {
    let found = f32::deserialize(source)?;
    let wrong = || D::Error::custom(format!("expected a threshold in 0..=1, found {found}"));
    if (0.0..=1.0).contains(&found) { Ok(found) } else { Err(wrong()) }
}

impl Goal {
    /// The least threshold that meets the goal on a validation set. An acceptance rate and a budget can always be met,
    /// by a threshold of 1 if need be; where estimates tie, more steps may be accepted than was asked for, which the
    /// result tells.
    ///
    /// # Errors
    /// [`CalibrateError::Unreachable`] where no threshold is fast enough, with the least latency that one reaches;
    /// [`CalibrateError::Seconds`] for a latency without measured seconds; [`CalibrateError::Goal`] for a goal out of
    /// its range.
    pub fn threshold(self, validation: &Validation) -> Result<Threshold, CalibrateError> {
        let goal = self.check()?;
        if matches!(goal, Self::Latency(_)) && validation.seconds.is_none() {
            return Err(CalibrateError::Seconds { goal });
        }
        let mut fastest: Option<Threshold> = None;
        for found in validation.thresholds().map(|tau| validation.measure(goal, tau)) {
            if goal.is_met(&found) {
                return Ok(found);
            }
            fastest = Some(fastest.filter(|best| best.latency <= found.latency).unwrap_or(found));
        }
        let (least, tau) = fastest.map_or((f64::NAN, 1.0), |best| (best.latency.unwrap_or(f64::NAN), best.tau));
        Err(CalibrateError::Unreachable { goal, least, tau })
    }

    fn is_met(self, found: &Threshold) -> bool {
        // 7 of 10 steps are a share of 0.7, whatever the last bit says.
        const SLACK: f64 = 1e-12;
        match self {
            Self::Accept(share) => found.acceptance >= share - SLACK,
            Self::Budget(calls) => found.escalations <= calls * (1.0 + SLACK),
            Self::Latency(share) => found.latency.is_some_and(|latency| latency <= share * (1.0 + SLACK)),
        }
    }
}

#[cfg(test)]
mod tests;
