//! Finding the first wrong step, as ProcessBench asks (Zheng et al., arXiv 2412.06559).

use super::{MetricsError, error};

/// A solution with its scores and where it truly goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Graded<'a> {
    /// The scorer's score of each step, in order.
    pub scores: &'a [f32],
    /// Index of the first wrong step, from 0; `None` for a correct solution.
    pub first_error: Option<usize>,
}

/// Verdicts of a scorer at a threshold: the first step that scores at most τ is called wrong, as RSD would reject it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstErrors {
    /// For each solution, whether it has an error, and whether the verdict is right: the very step, or none.
    verdicts: Vec<(bool, bool)>,
}

impl FirstErrors {
    /// Judges the solutions.
    ///
    /// # Errors
    /// [`MetricsError`] for scores that are not finite, a threshold that is NaN, and an error behind the last step.
    pub fn new(solutions: &[Graded<'_>], tau: f32) -> Result<Self, MetricsError> {
        if tau.is_nan() {
            let expected = "a number".to_owned();
            return Err(MetricsError::Parameter { what: "threshold", expected, found: f64::from(tau) });
        }
        let verdicts = solutions.iter().map(|solution| judge(solution, tau)).collect::<Result<_, _>>()?;
        Ok(Self { verdicts })
    }

    /// Share of the solutions with an error whose first wrong step was found; `None` without any.
    pub fn erroneous(&self) -> Option<f64> {
        self.share(true, &self.ones())
    }

    /// Share of the correct solutions in which no step was called wrong; `None` without any.
    pub fn correct(&self) -> Option<f64> {
        self.share(false, &self.ones())
    }

    /// Harmonic mean of [`erroneous`](Self::erroneous) and [`correct`](Self::correct), 0 where both are; `None` without
    /// solutions of both kinds.
    pub fn f1(&self) -> Option<f64> {
        self.weighted(&self.ones())
    }

    /// [`f1`](Self::f1) with solution `i` there `weights[i]` times; `None` also for another number of weights than of
    /// solutions.
    pub fn weighted(&self, weights: &[u32]) -> Option<f64> {
        let (erroneous, correct) = (self.share(true, weights)?, self.share(false, weights)?);
        let sum = erroneous + correct;
        Some(if sum > 0.0 { 2.0 * erroneous * correct / sum } else { 0.0 })
    }

    fn share(&self, kind: bool, weights: &[u32]) -> Option<f64> {
        if weights.len() != self.verdicts.len() {
            return None;
        }
        let (mut right, mut all) = (0u64, 0u64);
        for ((_, is_right), weight) in self.verdicts.iter().zip(weights).filter(|((is_wrong, _), _)| *is_wrong == kind)
        {
            all += u64::from(*weight);
            right += if *is_right { u64::from(*weight) } else { 0 };
        }
        (all > 0).then(|| right as f64 / all as f64)
    }

    fn ones(&self) -> Vec<u32> {
        vec![1; self.verdicts.len()]
    }
}

fn judge(solution: &Graded<'_>, tau: f32) -> Result<(bool, bool), MetricsError> {
    error::finite("score", solution.scores)?;
    let steps = solution.scores.len();
    if let Some(found) = solution.first_error.filter(|index| *index >= steps) {
        let expected = format!("below {steps}, the number of scores");
        return Err(MetricsError::Parameter { what: "first error", expected, found: found as f64 });
    }
    let called = solution.scores.iter().position(|score| *score <= tau);
    Ok((solution.first_error.is_some(), called == solution.first_error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graded(scores: &[f32], first_error: Option<usize>) -> Graded<'_> {
        Graded { scores, first_error }
    }

    #[test]
    fn the_very_step_counts() {
        let solutions = [
            graded(&[0.9, 0.2, 0.1], Some(1)),
            graded(&[0.9, 0.2, 0.1], Some(2)),
            graded(&[0.9, 0.5], Some(1)),
            graded(&[0.9, 0.8], Some(0)),
            graded(&[0.9, 0.8], None),
            graded(&[0.9, 0.500_001], None),
            graded(&[0.3, 0.8], None),
        ];
        let found = FirstErrors::new(&solutions, 0.5).unwrap();
        assert_eq!((found.erroneous(), found.correct()), (Some(0.5), Some(2.0 / 3.0)));
        let f1 = 2.0 * 0.5 * (2.0 / 3.0) / (0.5 + 2.0 / 3.0);
        assert!((found.f1().unwrap() - f1).abs() < 1e-12);
        assert_eq!(found.weighted(&[3, 0, 0, 0, 2, 0, 0]), Some(1.0));
        assert_eq!(found.weighted(&[1]), None);
    }

    #[test]
    fn blind_scorers_get_nothing() {
        let solutions = [graded(&[0.9, 0.2], Some(1)), graded(&[0.9], None)];
        for tau in [-1.0, 1.0] {
            assert_eq!(FirstErrors::new(&solutions, tau).unwrap().f1(), Some(0.0), "{tau}");
        }
        let both_wrong = [graded(&[0.1, 0.2], Some(1)), graded(&[0.1], None)];
        assert_eq!(FirstErrors::new(&both_wrong, 0.5).unwrap().f1(), Some(0.0));
    }

    #[test]
    fn one_kind_alone_has_no_mean() {
        assert_eq!(FirstErrors::new(&[], 0.5).unwrap().f1(), None);
        let correct = FirstErrors::new(&[graded(&[], None)], 0.5).unwrap();
        assert_eq!((correct.correct(), correct.erroneous(), correct.f1()), (Some(1.0), None, None));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(FirstErrors::new(&[graded(&[0.5, f32::NAN], None)], 0.5).is_err());
        assert!(FirstErrors::new(&[graded(&[0.5], None)], f32::NAN).is_err());
        let error = FirstErrors::new(&[graded(&[0.5], Some(1))], 0.5).unwrap_err().to_string();
        assert_eq!(error, "first error: expected below 1, the number of scores, found 1");
    }
}
