//! How many problems each stage gets, from the minutes of the whole fit and the measured seconds per problem.

use arbitrage_eval::results::PolicyResults;
use serde::{Deserialize, Serialize};

use crate::cli::SizeOptions;

/// Shares of the time that is left after the sample.
const COLLECTION_SHARE: f64 = 0.3;
const TRAINING_SHARE: f64 = 0.15;
const CALIBRATION_SHARE: f64 = 0.3;
const TEST_SHARE: f64 = 0.2;
/// Share of the whole time for the sample.
const SAMPLE_SHARE: f64 = 0.1;
/// The least number of problems of a stage: with fewer, intervals say nothing.
const LEAST_PROBLEMS: usize = 12;
/// The greatest size of the sample: more problems make the decision no better.
const MAX_SAMPLE: usize = 300;
/// The greatest number of optimizer steps.
const MAX_UPDATES: usize = 20_000;

/// Measured seconds per problem of each kind of run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ProblemSeconds {
    /// Of the target alone.
    pub target: f64,
    /// Of the target with speculative tokens; `None` where it cannot verify any.
    pub speculation: Option<f64>,
    /// Of a collection, including its scorer and the target's run by which it may label.
    pub collection: f64,
}

impl ProblemSeconds {
    /// Of all runs of the test. The pair takes about as long as the target where routing does not pay, and less where it does.
    fn test(&self) -> f64 {
        2.0 * self.target + self.speculation.unwrap_or(0.0)
    }
}

/// The stages that a plan divides the time among, in their order.
#[derive(Clone, Copy, Debug)]
pub(super) enum PlannedStage {
    /// Steps for the training.
    Collection,
    /// The router's training.
    Training,
    /// The choice of its threshold.
    Calibration,
    /// The comparison with the target alone.
    Test,
}

/// The sizes of the stages after the sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Problems on which steps are collected for training.
    pub training: usize,
    /// Problems for calibration.
    pub calibration: usize,
    /// Problems of the test.
    pub test: usize,
    /// Seconds for the router's training.
    pub training_seconds: f64,
    /// Seconds that were left when the plan was made.
    pub left_seconds: f64,
    /// The measured seconds per problem.
    pub seconds: ProblemSeconds,
}

/// The number of problems of the sample, if the target alone takes `target` seconds per problem and a pair's problem costs `runs` times as
/// much in all runs of the sample.
pub(super) fn sample_size(minutes: f64, target: f64, available: usize, sizes: SizeOptions) -> usize {
    /// Draft, target, speculation, and a collection in which both models write every step and a scorer reads it.
    const TARGET_RUNS: f64 = 5.0;
    let affordable = SAMPLE_SHARE * 60.0 * minutes / (TARGET_RUNS * target.max(f64::MIN_POSITIVE));
    sizes.sample.unwrap_or_else(|| whole(affordable).clamp(LEAST_PROBLEMS, MAX_SAMPLE)).min(available)
}

impl Plan {
    /// Divides `left_seconds` among the stages. `available` are the numbers of problems for training, calibration and the test, and
    /// `calibration_seconds` what a problem of the calibration takes.
    pub(super) fn new(
        left_seconds: f64,
        seconds: ProblemSeconds,
        calibration_seconds: f64,
        available: [usize; 3],
        sizes: SizeOptions,
    ) -> Self {
        let count = |given: Option<usize>, share: f64, each: f64, available: usize| {
            let affordable = whole(share * left_seconds / each.max(f64::MIN_POSITIVE));
            given.unwrap_or_else(|| affordable.max(LEAST_PROBLEMS)).min(available)
        };
        Self {
            training: count(sizes.training, COLLECTION_SHARE, seconds.collection, available[0]),
            calibration: count(sizes.calibration, CALIBRATION_SHARE, calibration_seconds, available[1]),
            test: count(sizes.test, TEST_SHARE, seconds.test(), available[2]),
            training_seconds: TRAINING_SHARE * left_seconds,
            left_seconds,
            seconds,
        }
    }

    /// Seconds that the stages from one on are expected to take.
    pub(super) fn seconds_from(&self, stage: PlannedStage, calibration_seconds: f64) -> f64 {
        let stages = [
            self.training as f64 * self.seconds.collection,
            self.training_seconds,
            self.calibration as f64 * calibration_seconds,
            self.test as f64 * self.seconds.test(),
        ];
        stages.iter().skip(stage as usize).sum()
    }

    /// The number of optimizer steps that fit into the training's seconds.
    pub(super) fn updates(&self, seconds_per_update: f64, sizes: SizeOptions) -> usize {
        /// With fewer a router has hardly begun to learn.
        const LEAST_UPDATES: usize = 100;
        let affordable = whole(self.training_seconds / seconds_per_update.max(f64::MIN_POSITIVE));
        sizes.updates.unwrap_or_else(|| affordable.clamp(LEAST_UPDATES, MAX_UPDATES))
    }
}

/// Mean seconds per problem of a run.
pub(super) fn mean_seconds(results: &PolicyResults) -> f64 {
    let seconds: Vec<f64> = results.problems().iter().filter_map(|problem| problem.timed_seconds()).collect();
    seconds.iter().sum::<f64>() / seconds.len().max(1) as f64
}

/// The whole number below, as a count.
fn whole(number: f64) -> usize {
    number.floor().clamp(0.0, 1e9) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_SIZES: SizeOptions =
        SizeOptions { sample: None, training: None, calibration: None, test: None, updates: None };
    const SECONDS: ProblemSeconds = ProblemSeconds { target: 1.0, speculation: Some(0.5), collection: 3.0 };

    #[test]
    fn a_plan_keeps_the_minutes() {
        let plan = Plan::new(3000.0, SECONDS, 2.0, [10_000; 3], NO_SIZES);
        assert_eq!((plan.training, plan.calibration, plan.test), (300, 450, 240));
        let stages = [PlannedStage::Collection, PlannedStage::Training, PlannedStage::Calibration, PlannedStage::Test];
        assert_eq!(stages.map(|stage| plan.seconds_from(stage, 2.0)), [2850.0, 1950.0, 1500.0, 600.0]);
        assert_eq!(plan.updates(0.5, NO_SIZES), 900);
    }

    #[test]
    fn problems_that_are_there_and_sizes_that_are_given_limit_it() {
        let plan = Plan::new(3000.0, SECONDS, 2.0, [50, 60, 70], NO_SIZES);
        assert_eq!((plan.training, plan.calibration, plan.test), (50, 60, 70));
        let sizes =
            SizeOptions { training: Some(5), calibration: Some(7), test: Some(900), updates: Some(3), ..NO_SIZES };
        let plan = Plan::new(3000.0, SECONDS, 2.0, [50, 60, 70], sizes);
        assert_eq!((plan.training, plan.calibration, plan.test, plan.updates(1.0, sizes)), (5, 7, 70, 3));
        let plan = Plan::new(0.0, SECONDS, 2.0, [1000; 3], NO_SIZES);
        assert_eq!((plan.training, plan.updates(1.0, NO_SIZES)), (LEAST_PROBLEMS, 100));
    }

    #[test]
    fn a_sample_takes_a_tenth_of_the_time() {
        assert_eq!(sample_size(60.0, 1.0, 1000, NO_SIZES), 72);
        assert_eq!(sample_size(60.0, 0.001, 10_000, NO_SIZES), MAX_SAMPLE);
        assert_eq!(sample_size(60.0, 100.0, 1000, NO_SIZES), LEAST_PROBLEMS);
        assert_eq!(sample_size(60.0, 1.0, 1000, SizeOptions { sample: Some(30), ..NO_SIZES }), 30);
        assert_eq!(sample_size(60.0, 1.0, 8, NO_SIZES), 8);
    }
}
