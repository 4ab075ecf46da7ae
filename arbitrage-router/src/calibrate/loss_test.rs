//! The test of whether too many problems are lost, and the sequence of such tests that chooses a threshold.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::{CalibrateError, Goal, binomial_tail, upper_bound};

/// How many of the problems that the target alone solves a pair of models does not solve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossCounts {
    /// Problems that the target alone solves.
    pub problems: usize,
    /// Those of them that the pair does not solve.
    pub lost: usize,
}

impl LossCounts {
    /// The share of the problems that are lost; `None` without problems.
    pub fn share(self) -> Option<f64> {
        (self.problems > 0).then(|| self.lost as f64 / self.problems as f64)
    }
}

/// The exact test of whether more than a share `loss` of the problems that the target solves are lost.
///
/// The problems are taken to be a random sample of those that matter. If a share `loss` or more of those were lost, a
/// sample of `n` problems would have `k` or fewer lost ones with a probability of at most `P(Bin(n, loss) ≤ k)`, the
/// [p-value](Self::p_value). Where it is at most `1 − confidence`, the opposite is [shown](Self::shows).
///
/// ```
/// use arbitrage_router::calibrate::{LossCounts, LossTest};
/// let test = LossTest::new(0.02, 0.95)?;
/// assert_eq!(test.needed_problems(), 149);
/// assert!(test.shows(LossCounts { problems: 1041, lost: 3 }));
/// assert!(!test.shows(LossCounts { problems: 148, lost: 0 }));
/// # Ok::<(), arbitrage_router::calibrate::CalibrateError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossTest {
    loss: f64,
    confidence: f64,
}

impl LossTest {
    /// A test of a share and with a confidence, both in (0, 1).
    ///
    /// # Errors
    /// [`CalibrateError::Goal`] and [`CalibrateError::Parameter`] for numbers out of that range.
    pub fn new(loss: f64, confidence: f64) -> Result<Self, CalibrateError> {
        Goal::Loss(loss).check()?;
        if confidence > 0.0 && confidence < 1.0 {
            Ok(Self { loss, confidence })
        } else {
            Err(CalibrateError::parameter("confidence", "a share above 0 and below 1", confidence))
        }
    }

    /// The share of problems that may be lost, in (0, 1).
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// The confidence, in (0, 1).
    pub fn confidence(&self) -> f64 {
        self.confidence
    }

    /// The probability of so few lost problems if a share `loss` were lost, `P(Bin(n, loss) ≤ k)`.
    pub fn p_value(&self, counts: LossCounts) -> f64 {
        binomial_tail(counts.lost, counts.problems, self.loss)
    }

    /// Whether the counts show that at most a share `loss` is lost.
    pub fn shows(&self, counts: LossCounts) -> bool {
        self.p_value(counts) <= 1.0 - self.confidence
    }

    /// The upper end of the interval for the share of lost problems, one-sided, of this test's confidence
    /// ([`upper_bound`]). It is the interval of one threshold by itself; that this threshold was chosen among several is
    /// accounted for in the share `loss`, which it does not exceed where the test [shows](Self::shows) that.
    pub fn upper_bound(&self, counts: LossCounts) -> f64 {
        upper_bound(counts.lost, counts.problems, self.confidence)
    }

    /// The least number of problems that can show anything, if none of them is lost: `ln(1 − confidence) / ln(1 − loss)`,
    /// rounded up.
    pub fn needed_problems(&self) -> usize {
        let none_lost = |problems| self.shows(LossCounts { problems, lost: 0 });
        let mut needed = ((1.0 - self.confidence).ln() / (-self.loss).ln_1p()).ceil().max(1.0) as usize;
        // The quotient may be rounded to the wrong side of a whole number.
        while needed > 1 && none_lost(needed - 1) {
            needed -= 1;
        }
        while !none_lost(needed) {
            needed += 1;
        }
        needed
    }
}

/// A threshold with what was counted at it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TestedThreshold {
    /// The threshold.
    pub tau: f32,
    /// Problems and lost problems.
    pub counts: LossCounts,
    /// Probability of these counts if the greatest allowed share were lost.
    pub p_value: f64,
    /// Upper end of the interval for the share of lost problems at this threshold alone.
    pub upper_bound: f64,
}

/// What a sequence of tests has shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum LossVerdict {
    /// The cheapest threshold of which it is shown that no more problems are lost than allowed.
    Shown(TestedThreshold),
    /// It is not shown even of the safest threshold.
    NotShown(TestedThreshold),
    /// There are too few problems to show it of any threshold, even if none were lost.
    TooFew {
        /// Problems that the target solves.
        problems: usize,
        /// Number of such problems that would be needed, if none of them were lost.
        needed: usize,
    },
}

/// Tests thresholds one after the other, from the safest towards cheaper ones, up to the first of which nothing is shown
/// (fixed-sequence testing; Angelopoulos et al. 2021, "Learn then Test", arXiv 2110.01052).
///
/// The last threshold that passes keeps the test's confidence although several are tested: if any threshold that passes
/// loses too much, then so has the first such threshold of the sequence passed, and that one is tested only once. No
/// threshold is skipped, and lost problems need not grow with the threshold. But the order and the thresholds have to be
/// chosen without the outcomes of the problems that are counted.
///
/// ```
/// use std::ops::ControlFlow;
/// use arbitrage_router::calibrate::{FixedSequence, LossCounts, LossTest, LossVerdict};
///
/// let mut sequence = FixedSequence::new(LossTest::new(0.05, 0.9)?);
/// for (tau, lost) in [(0.0, 1), (0.2, 4), (0.4, 12), (0.6, 2)] {
///     if let ControlFlow::Break(()) = sequence.push(tau, LossCounts { problems: 200, lost }) {
///         break; // 12 of 200 are too many
///     }
/// }
/// assert!(matches!(sequence.verdict(), LossVerdict::Shown(threshold) if threshold.tau == 0.2));
/// # Ok::<(), arbitrage_router::calibrate::CalibrateError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FixedSequence {
    test: LossTest,
    shown: Option<TestedThreshold>,
    failed: Option<TestedThreshold>,
}

impl FixedSequence {
    /// A sequence without thresholds.
    pub fn new(test: LossTest) -> Self {
        Self { test, shown: None, failed: None }
    }

    /// Tests the next threshold. After the first that fails, the sequence is over, and further thresholds change nothing.
    pub fn push(&mut self, tau: f32, counts: LossCounts) -> ControlFlow<()> {
        if self.failed.is_some() {
            return ControlFlow::Break(());
        }
        let (p_value, upper_bound) = (self.test.p_value(counts), self.test.upper_bound(counts));
        let tested = TestedThreshold { tau, counts, p_value, upper_bound };
        if self.test.shows(counts) {
            self.shown = Some(tested);
            ControlFlow::Continue(())
        } else {
            self.failed = Some(tested);
            ControlFlow::Break(())
        }
    }

    /// What the thresholds so far have shown. Without any threshold there are too few problems.
    pub fn verdict(&self) -> LossVerdict {
        let needed = self.test.needed_problems();
        match (self.shown, self.failed) {
            (Some(shown), _) => LossVerdict::Shown(shown),
            (None, Some(failed)) if failed.counts.problems >= needed => LossVerdict::NotShown(failed),
            (None, failed) => {
                LossVerdict::TooFew { problems: failed.map_or(0, |failed| failed.counts.problems), needed }
            }
        }
    }
}

#[cfg(test)]
mod tests;
