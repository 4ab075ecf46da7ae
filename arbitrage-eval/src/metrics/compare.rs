//! Compares two policies.

use arbitrage_router::metrics::{Bootstrap, Clusters, Interval, weighted_mean};
use serde::{Deserialize, Serialize};

use super::error::same_problems;
use super::{CompareError, McNemar};
use crate::results::PolicyResults;

/// Numbers of problems by the outcomes of two policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PairedOutcomes {
    /// Problems that both solved.
    pub both: usize,
    /// Problems only the first solved.
    pub first_only: usize,
    /// Problems only the second solved.
    pub second_only: usize,
    /// Problems that neither solved.
    pub neither: usize,
    /// Problems that errored under either policy; the other counts exclude them.
    pub errored: usize,
}

/// One policy against another on the same problems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PolicyComparison {
    /// Numbers of problems by both outcomes.
    pub pairs: PairedOutcomes,
    /// Accuracy of the first minus that of the second, with its bootstrap interval; `None` where every problem errored.
    pub difference: Option<Interval>,
    /// Whether the difference may be chance; `None` where both solved the same problems.
    pub test: Option<McNemar>,
    /// Mean seconds per problem of the second divided by those of the first: how many times faster the first is, over the problems timed
    /// under both. `None` without such problems, and where the first takes no time.
    pub speed: Option<Interval>,
}

/// Compares two policies problem by problem. The bootstrap resamples pairs of results, so that the difficulty of a problem cancels out.
///
/// # Errors
/// [`CompareError::Problems`] unless both have the same problems.
pub fn compare(
    first: &PolicyResults,
    second: &PolicyResults,
    bootstrap: &Bootstrap,
) -> Result<PolicyComparison, CompareError> {
    same_problems(&[first, second])?;
    let together = || first.problems().iter().zip(second.problems());
    let known: Vec<[bool; 2]> =
        together().filter_map(|(one, two)| Some([one.outcome.is_right()?, two.outcome.is_right()?])).collect();
    let times: Vec<[f64; 2]> =
        together().filter_map(|(one, two)| Some([one.timed_seconds()?, two.timed_seconds()?])).collect();
    let gains: Vec<f64> =
        known.iter().map(|[one, two]| f64::from(u8::from(*one)) - f64::from(u8::from(*two))).collect();
    let pairs = PairedOutcomes { errored: first.problems().len() - known.len(), ..count(&known) };
    let mean_gain = |weights: &[u32]| weighted_mean(&gains, weights);
    let speed = |weights: &[u32]| {
        let sum =
            |side: usize| times.iter().zip(weights).map(|(both, weight)| both[side] * f64::from(*weight)).sum::<f64>();
        Some(sum(1) / sum(0))
    };
    Ok(PolicyComparison {
        pairs,
        difference: bootstrap.interval(&Clusters::new(0..gains.len()), mean_gain),
        test: McNemar::new(pairs.first_only, pairs.second_only),
        speed: bootstrap.interval(&Clusters::new(0..times.len()), speed),
    })
}

fn count(known: &[[bool; 2]]) -> PairedOutcomes {
    let count = |outcome: [bool; 2]| known.iter().filter(|both| **both == outcome).count();
    PairedOutcomes {
        both: count([true, true]),
        first_only: count([true, false]),
        second_only: count([false, true]),
        neither: count([false, false]),
        errored: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::testing::{result, results};
    use proptest::prelude::*;

    #[test]
    fn problems_that_errored_are_excluded() {
        let first = results("a", None, &[(Some(true), 1.0), (Some(true), 1.0), (None, 1.0), (Some(false), 3.0)]);
        let second = results("b", None, &[(Some(true), 2.0), (Some(false), 2.0), (Some(true), 2.0), (None, 4.0)]);
        let found = compare(&first, &second, &Bootstrap::default()).unwrap();
        assert_eq!(found.pairs, PairedOutcomes { both: 1, first_only: 1, second_only: 0, neither: 0, errored: 2 });
        assert_eq!(found.difference.unwrap().value, 0.5);
        assert_eq!(found.test.unwrap().exact, 1.0);
    }

    #[test]
    fn speed_uses_the_problems_timed_under_both() {
        let first = results("a", None, &[(Some(true), 1.0), (Some(true), 3.0)]);
        let mut warm = result("001", Some(true), 100.0);
        warm.warm_up = true;
        let second = PolicyResults::new("tables", "b", None, vec![result("000", Some(true), 2.0), warm]).unwrap();
        let speed = compare(&first, &second, &Bootstrap::default()).unwrap().speed.unwrap();
        assert_eq!((speed.value, speed.low, speed.high), (2.0, 2.0, 2.0));
        let free = results("a", None, &[(Some(true), 0.0), (Some(true), 0.0)]);
        assert_eq!(compare(&free, &first, &Bootstrap::default()).unwrap().speed, None);
    }

    #[test]
    fn different_problems_are_refused_by_id() {
        let (one, two) = (results("a", None, &[(None, 1.0)]), results("b", Some(0.5), &[(None, 1.0), (None, 1.0)]));
        let expected = CompareError::Problems { id: "001".into(), known: "b:0.5".into(), missing: "a".into() };
        assert_eq!(compare(&one, &two, &Bootstrap::default()), Err(expected.clone()));
        assert_eq!(compare(&two, &one, &Bootstrap::default()), Err(expected));
        let nothing = compare(&one, &one, &Bootstrap::default()).unwrap();
        assert_eq!((nothing.difference, nothing.test), (None, None));
    }

    proptest! {
        #[test]
        fn a_difference_is_that_of_accuracies(outcomes in prop::collection::vec((any::<bool>(), any::<bool>()), 1..40)) {
            let side = |pick: fn(&(bool, bool)) -> bool| {
                results("x", None, &outcomes.iter().map(|both| (Some(pick(both)), 1.0)).collect::<Vec<_>>())
            };
            let (first, second) = (side(|both| both.0), side(|both| both.1));
            let found = compare(&first, &second, &Bootstrap::default()).unwrap();
            let share = |of| crate::metrics::Accuracy::of(of).share().unwrap().value;
            prop_assert!((found.difference.unwrap().value - (share(&first) - share(&second))).abs() < 1e-12);
            let PairedOutcomes { both, first_only, second_only, neither, .. } = found.pairs;
            prop_assert_eq!(both + first_only + second_only + neither, outcomes.len());
        }
    }
}
