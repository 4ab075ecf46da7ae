//! Share of right answers.

use serde::{Deserialize, Serialize};

use crate::results::{Outcome, PolicyResults};
use arbitrage_router::metrics::Interval;

/// The 97.5% quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Counts of outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Accuracy {
    /// Problems with the right answer.
    pub right: usize,
    /// Problems with a wrong answer, or none.
    pub wrong: usize,
    /// Problems whose outcome is unknown.
    pub errored: usize,
}

impl Accuracy {
    /// Counts the outcomes of `results`.
    pub fn of(results: &PolicyResults) -> Self {
        let count = |outcome| results.problems().iter().filter(|problem| problem.outcome == outcome).count();
        let (right, wrong, errored) = (count(Outcome::Right), count(Outcome::Wrong), count(Outcome::Errored));
        Self { right, wrong, errored }
    }

    /// Share of right answers among the problems that did not error, with Wilson's interval; `None` where there are none.
    pub fn share(&self) -> Option<Interval> {
        wilson(self.right, self.right + self.wrong)
    }

    /// The shares of all problems if those that errored were wrong, and if they were right; `None` without problems.
    pub fn bounds(&self) -> Option<(f64, f64)> {
        let all = self.right + self.wrong + self.errored;
        let share = |count: usize| count as f64 / all as f64;
        (all > 0).then(|| (share(self.right), share(self.right + self.errored)))
    }
}

/// A share with its 95% score interval (Wilson 1927). Unlike the textbook's `p ± 1.96·√(p(1 − p)/n)` it stays within [0, 1] and holds
/// its level near 0 and 1 and for few problems (Brown, Cai and DasGupta 2001). `None` without trials, and for more successes than trials.
pub fn wilson(successes: usize, trials: usize) -> Option<Interval> {
    if trials == 0 || successes > trials {
        return None;
    }
    let (n, p) = (trials as f64, successes as f64 / trials as f64);
    let scale = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    // Rounding must not put the share outside of its interval.
    Some(Interval::exact(p, (centre - half).clamp(0.0, p), (centre + half).clamp(p, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn intervals_agree_with_newcombe() {
        // Newcombe 1998, Table I, method 3.
        for (successes, trials, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let found = wilson(successes, trials).unwrap();
            assert!((found.low - low).abs() < 5e-5 && (found.high - high).abs() < 5e-5, "{found:.5}");
        }
    }

    proptest! {
        /// The ends are the shares whose distance is 1.96 of their standard errors from the observed one.
        #[test]
        fn the_ends_solve_the_score_equation(successes in 0usize..200, failures in 0usize..200) {
            let trials = successes + failures;
            prop_assume!(trials > 0);
            let found = wilson(successes, trials).unwrap();
            prop_assert!(0.0 <= found.low && found.low <= found.value && found.value <= found.high && found.high <= 1.0);
            for end in [found.low, found.high] {
                let (distance, error) = (found.value - end, end * (1.0 - end) / trials as f64);
                prop_assert!((distance.powi(2) - Z * Z * error).abs() < 1e-12, "{found:?}");
            }
            let mirrored = wilson(failures, trials).unwrap();
            prop_assert!((mirrored.low - (1.0 - found.high)).abs() < 1e-12);
        }
    }

    #[test]
    fn undefined_shares_are_none() {
        assert_eq!((wilson(0, 0), wilson(2, 1)), (None, None));
        assert_eq!((Accuracy::default().share(), Accuracy::default().bounds()), (None, None));
        let accuracy = Accuracy { right: 2, wrong: 1, errored: 1 };
        assert_eq!(accuracy.bounds(), Some((0.5, 0.75)));
        assert_eq!(accuracy.share().unwrap().value, 2.0 / 3.0);
    }
}
