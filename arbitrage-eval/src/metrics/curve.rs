//! Accuracy against cost, over a policy's thresholds.

use arbitrage_router::metrics::weighted_mean;
use serde::{Deserialize, Serialize};

use super::CompareError;
use super::error::{NamedIds, same_ids, same_problems};
use crate::results::{PolicyResults, ProblemResult};

/// Cost and accuracy of one threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Point {
    /// The threshold, or rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tau: Option<f32>,
    /// Mean cost per problem, in the curve's unit.
    pub cost: f64,
    /// Share of right answers, in [0, 1].
    pub accuracy: f64,
}

/// Cost and outcome of one problem under one threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
struct CurveSample {
    /// The cost, finite and at least 0; `None` where it does not count.
    cost: Option<f64>,
    /// 1 for a right answer and 0 for a wrong one; `None` where there is no grade.
    right: Option<f64>,
}

/// A policy at several thresholds on the same problems. It keeps the samples of every problem, so that they can be resampled.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    name: String,
    ids: Vec<String>,
    settings: Vec<CurveSetting>,
}

/// One threshold with a sample per problem.
#[derive(Clone, Debug, PartialEq)]
struct CurveSetting {
    tau: Option<f32>,
    samples: Vec<CurveSample>,
}

impl Curve {
    /// The curve through these results; `cost` gives the cost of a problem, such as [`ProblemResult::timed_seconds`].
    ///
    /// # Errors
    /// [`CompareError`] for results of different problems, without results, and for costs that are NaN, infinite or negative.
    pub fn new(results: &[&PolicyResults], cost: impl Fn(&ProblemResult) -> Option<f64>) -> Result<Self, CompareError> {
        same_problems(results)?;
        let sample = |problem: &ProblemResult| CurveSample {
            cost: cost(problem),
            right: problem.outcome.is_right().map(|right| f64::from(u8::from(right))),
        };
        let setting = |results: &&PolicyResults| CurveSetting {
            tau: results.tau,
            samples: results.problems().iter().map(sample).collect(),
        };
        let ids = results.iter().take(1).flat_map(|results| results.problems()).map(|problem| problem.id.clone());
        let name = results.first().map_or_else(String::new, |results| results.policy.clone());
        let curve = Self { name, ids: ids.collect(), settings: results.iter().map(setting).collect() };
        curve.check()?;
        Ok(curve)
    }

    fn check(&self) -> Result<(), CompareError> {
        let mut all = self.settings.iter().flat_map(|setting| self.ids.iter().zip(&setting.samples));
        let wrong = |(id, sample): (&String, &CurveSample)| {
            let found = sample.cost.filter(|cost| !(cost.is_finite() && *cost >= 0.0))?;
            let (name, id) = (self.name.clone(), id.clone());
            Some(CompareError::Number { name, id, what: "cost", expected: "finite and at least 0", found })
        };
        all.find_map(wrong).map_or(Ok(()), Err)
    }

    /// The number of problems.
    pub fn problems(&self) -> usize {
        self.ids.len()
    }

    /// The points, in the order of the settings, without those that have no cost or no accuracy.
    pub fn points(&self) -> Vec<Point> {
        self.weighted(&vec![1; self.ids.len()])
    }

    /// [`points`](Self::points), with problem `i` counted `weights[i]` times.
    pub fn weighted(&self, weights: &[u32]) -> Vec<Point> {
        let point = |setting: &CurveSetting| {
            let cost = mean_of(&setting.samples, weights, |sample| sample.cost)?;
            let accuracy = mean_of(&setting.samples, weights, |sample| sample.right)?;
            Some(Point { tau: setting.tau, cost, accuracy })
        };
        self.settings.iter().filter_map(point).collect()
    }

    /// An error unless both curves have the same problems.
    pub(super) fn same_problems(&self, other: &Self) -> Result<(), CompareError> {
        same_ids(&NamedIds { name: &self.name, ids: &self.ids }, &NamedIds { name: &other.name, ids: &other.ids })
    }
}

/// Weighted mean of `number` over the samples that have it.
fn mean_of(samples: &[CurveSample], weights: &[u32], number: impl Fn(&CurveSample) -> Option<f64>) -> Option<f64> {
    let known = samples.iter().zip(weights).filter_map(|(sample, weight)| Some((number(sample)?, *weight)));
    let (numbers, weights): (Vec<f64>, Vec<u32>) = known.unzip();
    weighted_mean(&numbers, &weights)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::metrics::testing::results;

    /// A curve of settings (cost of every problem, number of right answers).
    pub(in crate::metrics) fn curve(name: &str, problems: usize, settings: &[(f64, usize)]) -> Curve {
        let results: Vec<_> = settings
            .iter()
            .map(|(cost, right)| {
                let rows: Vec<_> = (0..problems).map(|at| (Some(at < *right), *cost)).collect();
                results(name, None, &rows)
            })
            .collect();
        Curve::new(&results.iter().collect::<Vec<_>>(), ProblemResult::timed_seconds).unwrap()
    }

    #[test]
    fn a_point_is_the_mean_over_known_samples() {
        let one = results("a", Some(0.5), &[(Some(true), 1.0), (None, 2.0), (Some(false), 6.0)]);
        let two = results("a", Some(0.75), &[(None, 1.0), (None, 2.0), (None, 6.0)]);
        let found = Curve::new(&[&one, &two], ProblemResult::timed_seconds).unwrap();
        assert_eq!(found.points(), [Point { tau: Some(0.5), cost: 3.0, accuracy: 0.5 }]);
        assert_eq!(found.weighted(&[3, 0, 1])[0], Point { tau: Some(0.5), cost: 2.25, accuracy: 0.75 });
        assert!(found.weighted(&[0, 0, 0]).is_empty());
    }

    #[test]
    fn invalid_samples_are_refused() {
        let one = results("a", None, &[(Some(true), 1.0)]);
        for cost in [f64::NAN, f64::INFINITY, -1.0] {
            let error = Curve::new(&[&one], |_| Some(cost)).unwrap_err().to_string();
            assert!(error.starts_with("`a`, problem `000`: cost"), "{error}");
        }
        assert_eq!(Curve::new(&[], |_| None), Err(CompareError::Empty { what: "policy" }));
        let other = results("b", None, &[(Some(true), 1.0), (None, 1.0)]);
        assert!(matches!(Curve::new(&[&one, &other], |_| None), Err(CompareError::Problems { .. })));
    }
}
