//! Time per problem.

use arbitrage_router::metrics::quantile;
use serde::{Deserialize, Serialize};

use crate::results::PolicyResults;

/// Seconds per problem, over [timed](crate::results::ProblemResult::timed_seconds) problems: without warm-up and failures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Latency {
    /// Problems that are timed.
    pub problems: usize,
    /// The median.
    pub median: f64,
    /// The arithmetic mean.
    pub mean: f64,
    /// The 90th percentile.
    pub p90: f64,
}

impl Latency {
    /// The latency of the timed problems; `None` without any.
    pub fn of(results: &PolicyResults) -> Option<Self> {
        let mut seconds: Vec<f64> = results.problems().iter().filter_map(|problem| problem.timed_seconds()).collect();
        seconds.sort_by(f64::total_cmp);
        let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
        let (median, p90) = (quantile(&seconds, 0.5)?, quantile(&seconds, 0.9)?);
        Some(Self { problems: seconds.len(), median, mean, p90 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::testing::{result, results};

    #[test]
    fn known_values() {
        let rows: Vec<_> = (1..=11).rev().map(|seconds| (Some(true), f64::from(seconds))).collect();
        let found = Latency::of(&results("a", None, &rows)).unwrap();
        assert_eq!(found, Latency { problems: 11, median: 6.0, mean: 6.0, p90: 10.0 });
        let two = Latency::of(&results("a", None, &[(Some(true), 1.0), (None, 2.0)])).unwrap();
        assert!((two.p90 - 1.9).abs() < 1e-12 && two.median == 1.5);
    }

    #[test]
    fn warm_up_and_failures_are_not_timed() {
        let (mut warm, mut failed) = (result("1", Some(true), 9.0), result("2", None, 0.1));
        warm.warm_up = true;
        failed.stop = None;
        let timed = result("3", Some(false), 2.0);
        let results = |problems| PolicyResults::new("tables", "a", None, problems).unwrap();
        assert_eq!(Latency::of(&results(vec![warm.clone(), failed.clone(), timed])).unwrap().mean, 2.0);
        assert_eq!(Latency::of(&results(vec![warm, failed])), None);
        assert_eq!(Latency::of(&results(Vec::new())), None);
    }
}
