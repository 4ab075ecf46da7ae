//! How often promises are broken, over random divisions of the problems.

use arbitrage_core::{Draw, Usage};
use arbitrage_router::calibrate::{CalibrateError, FixedSequence, LossCounts, LossTest, LossVerdict};
use serde::Serialize;

use super::{LossError, PairedRuns, TargetShare};
use crate::results::{Outcome, ProblemResult};

/// How problems are divided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SplitPlan {
    /// Number of random divisions.
    pub splits: usize,
    /// Share of the problems that calibrate, above 0 and below 1. The others test.
    pub calibration_share: f64,
    /// Seed of the divisions.
    pub seed: u64,
}

/// What came of calibrating on one part of the problems and testing on the other, over many random divisions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SplitCheck {
    /// Number of divisions.
    pub splits: usize,
    /// Divisions in which something was promised.
    pub promised: usize,
    /// Divisions in which more of the test problems were lost than promised. The test problems are a sample too, so that a promise which
    /// holds may look broken on them.
    pub broken: usize,
    /// Divisions in which more of all problems, those of the calibration included, were lost than promised: what the confidence is about,
    /// if all problems are taken for the population.
    pub broken_on_all: usize,
    /// Mean share of the test problems that were lost, over the divisions with a promise.
    pub mean_loss: Option<f64>,
    /// Mean of the chosen thresholds, over the divisions with a promise.
    pub mean_tau: Option<f64>,
    /// What the target writes of the test problems at the chosen threshold: the mean over the divisions with a promise.
    pub chosen: TargetShare,
    /// The same at the safest threshold.
    pub safest: TargetShare,
}

/// Sums over the divisions with a promise.
#[derive(Clone, Copy, Debug, Default)]
struct SplitSums {
    promised: usize,
    broken: usize,
    broken_on_all: usize,
    loss: f64,
    tau: f64,
    chosen: [f64; 2],
    safest: [f64; 2],
}

impl PairedRuns {
    /// Divides the problems at random, calibrates on one part, and tests the promise on the other; over and over.
    ///
    /// # Errors
    /// [`LossError::Calibrate`] for a plan without divisions, or one that leaves a part without problems.
    pub fn check_splits(&self, test: LossTest, plan: &SplitPlan) -> Result<SplitCheck, LossError> {
        let problems = self.target().results.problems().len();
        let calibration = (plan.calibration_share * problems as f64).round() as usize;
        let parameter = |what, expected, found: String| CalibrateError::Parameter { what, expected, found };
        if plan.splits == 0 {
            return Err(parameter("splits", "at least 1", "0".to_owned()).into());
        }
        // A share that is NaN or negative rounds to 0 problems.
        if calibration == 0 || calibration >= problems {
            let expected = "a share that leaves problems for both parts";
            return Err(parameter("share of the calibration", expected, plan.calibration_share.to_string()).into());
        }
        let (mut draw, mut order, mut sums) =
            (Draw::new(plan.seed), (0..problems).collect::<Vec<_>>(), SplitSums::default());
        for _ in 0..plan.splits {
            shuffle(&mut draw, &mut order);
            let (calibrating, testing) = order.split_at(calibration);
            self.add_split(test, calibrating, testing, &mut sums);
        }
        Ok(sums.means(plan.splits))
    }

    fn add_split(&self, test: LossTest, calibrating: &[usize], testing: &[usize], sums: &mut SplitSums) {
        let mut sequence = FixedSequence::new(test);
        let runs = self.threshold_runs();
        let chosen = runs.iter().take_while(|run| {
            let counts = self.counts(run.run.results.problems(), calibrating);
            sequence.push(run.tau, counts).is_continue()
        });
        let chosen = chosen.last();
        let (Some(chosen), LossVerdict::Shown(_), Some(safest)) = (chosen, sequence.verdict(), runs.first()) else {
            return;
        };
        let pair = chosen.run.results.problems();
        let on_test = self.counts(pair, testing);
        let on_calibration = self.counts(pair, calibrating);
        let on_all = LossCounts {
            problems: on_test.problems + on_calibration.problems,
            lost: on_test.lost + on_calibration.lost,
        };
        let is_broken = |counts: LossCounts| usize::from(counts.share().is_some_and(|share| share > test.loss()));
        sums.promised += 1;
        sums.broken += is_broken(on_test);
        sums.broken_on_all += is_broken(on_all);
        sums.loss += on_test.share().unwrap_or_default();
        sums.tau += f64::from(chosen.tau);
        for (sum, problems) in [(&mut sums.chosen, pair), (&mut sums.safest, safest.run.results.problems())] {
            let usage: Usage = testing.iter().map(|at| problems[*at].usage).sum();
            let share = TargetShare::of(&usage);
            sum[0] += share.steps.unwrap_or_default();
            sum[1] += share.tokens.unwrap_or_default();
        }
    }

    /// Lost problems among those at the places `among`.
    fn counts(&self, pair: &[ProblemResult], among: &[usize]) -> LossCounts {
        let target = self.target().results.problems();
        let mut counts = LossCounts::default();
        for at in among {
            if target[*at].outcome == Outcome::Right && pair[*at].outcome != Outcome::Errored {
                counts.problems += 1;
                counts.lost += usize::from(pair[*at].outcome == Outcome::Wrong);
            }
        }
        counts
    }
}

impl SplitSums {
    fn means(self, splits: usize) -> SplitCheck {
        let Self { promised, broken, broken_on_all, .. } = self;
        let mean = |sum: f64| (promised > 0).then(|| sum / promised as f64);
        let shares = |[steps, tokens]: [f64; 2]| TargetShare { steps: mean(steps), tokens: mean(tokens) };
        let (mean_loss, mean_tau) = (mean(self.loss), mean(self.tau));
        let (chosen, safest) = (shares(self.chosen), shares(self.safest));
        SplitCheck { splits, promised, broken, broken_on_all, mean_loss, mean_tau, chosen, safest }
    }
}

/// Puts the items into a random order.
fn shuffle(draw: &mut Draw, items: &mut [usize]) {
    for end in (1..items.len()).rev() {
        let other = (draw.uniform() * (end + 1) as f64) as usize;
        items.swap(end, other);
    }
}
