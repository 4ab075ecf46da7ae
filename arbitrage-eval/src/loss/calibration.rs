//! What paired runs show about lost problems.

use arbitrage_core::Usage;
use arbitrage_router::calibrate::{
    CalibrationProblems, LossCounts, LossTest, LossVerdict, Promise, PromiseConditions, TestedThreshold,
};
use serde::Serialize;

use crate::results::{Outcome, PolicyResults};

/// Lost problems at each threshold, and what they show.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LossCalibration {
    /// The share of problems that may be lost.
    pub loss: f64,
    /// The confidence of the verdict.
    pub confidence: f64,
    /// Problems that the target alone solves.
    pub solved_by_target: usize,
    /// Problems that it does not solve. Those on which its run failed are in neither.
    pub unsolved_by_target: usize,
    /// The thresholds, from the safest to the cheapest.
    pub points: Vec<LossPoint>,
    /// What they show.
    pub verdict: LossVerdict,
}

/// What was counted at one threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LossPoint {
    /// Lost problems, and the test of their number.
    #[serde(flatten)]
    pub tested: TestedThreshold,
    /// Problems that count neither as solved nor as lost: the target's run failed on them, or the router's run on a problem that the
    /// target solves.
    pub left_out: usize,
    /// Problems that the pair solves and the target does not.
    pub won: usize,
    /// What the target wrote.
    pub target_share: TargetShare,
}

/// Shares of the committed text that the target wrote; `None` where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct TargetShare {
    /// Of the steps.
    pub steps: Option<f64>,
    /// Of the tokens.
    pub tokens: Option<f64>,
}

impl TargetShare {
    /// The shares in the sum of several solutions' usages.
    pub fn of(usage: &Usage) -> Self {
        let by_target = |accepted: Option<f64>| accepted.map(|accepted| 1.0 - accepted);
        Self { steps: by_target(usage.acceptance_by_steps()), tokens: by_target(usage.acceptance_by_tokens()) }
    }
}

impl LossPoint {
    /// Counts the problems of two runs, which both have all of them.
    pub(super) fn new(test: LossTest, tau: f32, target: &PolicyResults, pair: &PolicyResults) -> Self {
        let (mut counts, mut left_out, mut won) = (LossCounts::default(), 0, 0);
        for (alone, paired) in target.problems().iter().zip(pair.problems()) {
            match (alone.outcome, paired.outcome) {
                (Outcome::Errored, _) | (Outcome::Right, Outcome::Errored) => left_out += 1,
                (Outcome::Right, paired) => {
                    counts.problems += 1;
                    counts.lost += usize::from(paired == Outcome::Wrong);
                }
                (Outcome::Wrong, paired) => won += usize::from(paired == Outcome::Right),
            }
        }
        let usage: Usage = pair.problems().iter().map(|problem| problem.usage).sum();
        let (p_value, upper_bound) = (test.p_value(counts), test.upper_bound(counts));
        let tested = TestedThreshold { tau, counts, p_value, upper_bound };
        Self { tested, left_out, won, target_share: TargetShare::of(&usage) }
    }
}

impl LossCalibration {
    /// The number of thresholds that were tested: those up to the first of which nothing is shown.
    pub fn tested(&self) -> usize {
        let passed = |point: &LossPoint| point.tested.p_value <= 1.0 - self.confidence;
        let shown = self.points.iter().take_while(|point| passed(point)).count();
        (shown + 1).min(self.points.len())
    }

    /// The point of the threshold that was chosen; `None` where nothing is shown of any.
    pub fn chosen(&self) -> Option<&LossPoint> {
        let LossVerdict::Shown(threshold) = self.verdict else { return None };
        self.points.iter().find(|point| point.tested.tau == threshold.tau)
    }

    /// The promise of the chosen threshold; `None` where nothing is shown of any.
    pub fn promise(&self, problems: CalibrationProblems, conditions: PromiseConditions) -> Option<Promise> {
        let LossPoint { tested, left_out, .. } = *self.chosen()?;
        let test = LossTest::new(self.loss, self.confidence).ok()?;
        Some(Promise::new(test, tested, left_out, problems, conditions))
    }

    /// Why nothing is shown of any threshold, and what would help; `None` where something is shown.
    pub fn why_not(&self) -> Option<String> {
        let percent = |share: f64| format!("{:.1}%", 100.0 * share);
        match &self.verdict {
            LossVerdict::Shown(_) => None,
            LossVerdict::TooFew { problems, needed } => {
                let graded = self.solved_by_target + self.unsolved_by_target;
                let accuracy = self.solved_by_target as f64 / graded.max(1) as f64;
                let in_all = if accuracy > 0.0 {
                    let problems = (*needed as f64 / accuracy).ceil();
                    format!(", about {problems} problems at its accuracy here ({})", percent(accuracy))
                } else {
                    String::new()
                };
                Some(format!(
                    "too few problems for any threshold: {problems} that the target solves, and loss:{} with {} confidence needs at least \
                     {needed} even if none is lost{in_all}",
                    self.loss,
                    percent(self.confidence),
                ))
            }
            LossVerdict::NotShown(TestedThreshold { tau, counts, upper_bound, .. }) => {
                let share = counts.share().unwrap_or_default();
                let hint = if share < self.loss { "; more problems may show it" } else { "" };
                Some(format!(
                    "loss:{} is not shown of any threshold: at the safest, τ = {tau}, {} of {} problems that the target solves are lost \
                     ({}; with {} confidence at most {}){hint}",
                    self.loss,
                    counts.lost,
                    counts.problems,
                    percent(share),
                    percent(self.confidence),
                    percent(*upper_bound),
                ))
            }
        }
    }
}
