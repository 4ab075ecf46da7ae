//! Detection of the first wrong step, as in ProcessBench (Zheng et al., arXiv 2412.06559).

use super::{MetricsError, error};

/// A solution with its step scores and the true place of its first error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredSolution<'a> {
    /// The scorer's score of each step, in order.
    pub scores: &'a [f32],
    /// Index of the first wrong step, from 0; `None` for a correct solution.
    pub first_error: Option<usize>,
}

/// How often a scorer finds the first wrong step at a threshold: it predicts the first step that scores at most τ, the
/// step that RSD would reject first, or that the solution is correct where every step scores above τ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstErrorAccuracy {
    predictions: Vec<FirstErrorPrediction>,
}

/// The kind of a solution, and whether the prediction is exactly right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FirstErrorPrediction {
    solution: SolutionKind,
    is_right: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SolutionKind {
    Erroneous,
    Correct,
}

impl FirstErrorAccuracy {
    /// Predicts the first error of each solution, and compares it with the true one.
    ///
    /// # Errors
    /// [`MetricsError`] for scores that are not finite, a threshold of NaN, and a first error past the last step.
    pub fn new(solutions: &[ScoredSolution<'_>], tau: f32) -> Result<Self, MetricsError> {
        error::check_threshold(tau)?;
        let predictions = solutions.iter().map(|solution| solution.predict(tau)).collect::<Result<_, _>>()?;
        Ok(Self { predictions })
    }

    /// Share of the erroneous solutions whose first wrong step was found; `None` without any.
    pub fn erroneous(&self) -> Option<f64> {
        self.accuracy(SolutionKind::Erroneous, &self.unit_weights())
    }

    /// Share of the correct solutions in which no step was predicted to be wrong; `None` without any.
    pub fn correct(&self) -> Option<f64> {
        self.accuracy(SolutionKind::Correct, &self.unit_weights())
    }

    /// Harmonic mean of [`erroneous`](Self::erroneous) and [`correct`](Self::correct), which is 0 where both are 0;
    /// `None` unless there are solutions of both kinds.
    pub fn f1(&self) -> Option<f64> {
        self.weighted(&self.unit_weights())
    }

    /// [`f1`](Self::f1) of a resample that contains solution `i` `weights[i]` times. `None` also where the number of
    /// weights is not the number of solutions.
    pub fn weighted(&self, weights: &[u32]) -> Option<f64> {
        let erroneous = self.accuracy(SolutionKind::Erroneous, weights)?;
        let correct = self.accuracy(SolutionKind::Correct, weights)?;
        let sum = erroneous + correct;
        Some(if sum > 0.0 { 2.0 * erroneous * correct / sum } else { 0.0 })
    }

    fn accuracy(&self, kind: SolutionKind, weights: &[u32]) -> Option<f64> {
        if weights.len() != self.predictions.len() {
            return None;
        }
        let (mut right, mut all) = (0u64, 0u64);
        for (prediction, weight) in self.predictions.iter().zip(weights) {
            if prediction.solution == kind {
                all += u64::from(*weight);
                right += if prediction.is_right { u64::from(*weight) } else { 0 };
            }
        }
        (all > 0).then(|| right as f64 / all as f64)
    }

    fn unit_weights(&self) -> Vec<u32> {
        vec![1; self.predictions.len()]
    }
}

impl ScoredSolution<'_> {
    fn predict(&self, tau: f32) -> Result<FirstErrorPrediction, MetricsError> {
        error::check_finite("score", self.scores)?;
        let steps = self.scores.len();
        if let Some(found) = self.first_error.filter(|index| *index >= steps) {
            let expected = format!("below {steps}, the number of scores");
            return Err(MetricsError::Parameter { what: "first error", expected, found: found as f64 });
        }
        let predicted = self.scores.iter().position(|score| *score <= tau);
        let solution = if self.first_error.is_some() { SolutionKind::Erroneous } else { SolutionKind::Correct };
        Ok(FirstErrorPrediction { solution, is_right: predicted == self.first_error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solution(scores: &[f32], first_error: Option<usize>) -> ScoredSolution<'_> {
        ScoredSolution { scores, first_error }
    }

    #[test]
    fn only_the_exact_step_counts() {
        let solutions = [
            solution(&[0.9, 0.2, 0.1], Some(1)),
            solution(&[0.9, 0.2, 0.1], Some(2)),
            solution(&[0.9, 0.5], Some(1)),
            solution(&[0.9, 0.8], Some(0)),
            solution(&[0.9, 0.8], None),
            solution(&[0.9, 0.500_001], None),
            solution(&[0.3, 0.8], None),
        ];
        let found = FirstErrorAccuracy::new(&solutions, 0.5).unwrap();
        assert_eq!((found.erroneous(), found.correct()), (Some(0.5), Some(2.0 / 3.0)));
        let f1 = 2.0 * 0.5 * (2.0 / 3.0) / (0.5 + 2.0 / 3.0);
        assert!((found.f1().unwrap() - f1).abs() < 1e-12);
        assert_eq!(found.weighted(&[3, 0, 0, 0, 2, 0, 0]), Some(1.0));
        assert_eq!(found.weighted(&[1]), None);
    }

    #[test]
    fn constant_predictions_have_an_f1_of_zero() {
        let solutions = [solution(&[0.9, 0.2], Some(1)), solution(&[0.9], None)];
        for tau in [-1.0, 1.0] {
            assert_eq!(FirstErrorAccuracy::new(&solutions, tau).unwrap().f1(), Some(0.0), "{tau}");
        }
        let both_wrong = [solution(&[0.1, 0.2], Some(1)), solution(&[0.1], None)];
        assert_eq!(FirstErrorAccuracy::new(&both_wrong, 0.5).unwrap().f1(), Some(0.0));
    }

    #[test]
    fn f1_needs_solutions_of_both_kinds() {
        assert_eq!(FirstErrorAccuracy::new(&[], 0.5).unwrap().f1(), None);
        let correct = FirstErrorAccuracy::new(&[solution(&[], None)], 0.5).unwrap();
        assert_eq!((correct.correct(), correct.erroneous(), correct.f1()), (Some(1.0), None, None));
    }

    #[test]
    fn invalid_input_is_rejected() {
        assert!(FirstErrorAccuracy::new(&[solution(&[0.5, f32::NAN], None)], 0.5).is_err());
        assert!(FirstErrorAccuracy::new(&[solution(&[0.5], None)], f32::NAN).is_err());
        let error = FirstErrorAccuracy::new(&[solution(&[0.5], Some(1))], 0.5).unwrap_err().to_string();
        assert_eq!(error, "first error: expected below 1, the number of scores, found 1");
    }
}
