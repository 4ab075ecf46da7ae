//! Confidence intervals by bootstrap over problems.

use arbitrage_core::Draw;

use super::{Clusters, Interval, MetricsError};

/// Percentile bootstrap that resamples whole problems. The same seed gives the same resamples, whatever the statistic.
///
/// A statistic is a function of weights, one per example, that say how many times the resample contains it: see
/// `weighted` of [`Spearman`](super::Spearman), [`Auc`](super::Auc), [`CapturedAdvantage`](super::CapturedAdvantage)
/// and [`FirstErrorAccuracy`](super::FirstErrorAccuracy), [`weighted_mean`], and [`expand`](super::expand) for all
/// others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    resamples: usize,
    level: f64,
    seed: u64,
}

impl Default for Bootstrap {
    /// 1000 resamples, a confidence level of 95%, seed 0.
    fn default() -> Self {
        Self { resamples: 1000, level: 0.95, seed: 0 }
    }
}

impl Bootstrap {
    /// A bootstrap of `resamples` resamples, at least 1, with confidence level `level`, between 0 and 1.
    ///
    /// # Errors
    /// [`MetricsError::Parameter`] for a number of resamples or a level out of its range.
    pub fn new(resamples: usize, level: f64) -> Result<Self, MetricsError> {
        let out_of_range =
            |what, expected: &str, found| Err(MetricsError::Parameter { what, expected: expected.into(), found });
        if resamples == 0 {
            out_of_range("resamples", "at least 1", 0.0)
        } else if !(level > 0.0 && level < 1.0) {
            out_of_range("level", "more than 0 and less than 1", level)
        } else {
            Ok(Self { resamples, level, seed: 0 })
        }
    }

    /// Sets the seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The statistic with its interval. `None` where it is undefined for all examples together or for every resample;
    /// values that are not finite count as undefined.
    pub fn interval(&self, problems: &Clusters, statistic: impl Fn(&[u32]) -> Option<f64>) -> Option<Interval> {
        let statistic = |weights: &[u32]| statistic(weights).filter(|value| value.is_finite());
        let value = statistic(&vec![1; problems.examples()])?;
        let mut draw = Draw::new(Draw::new(self.seed).next_u64());
        let resamples = (0..self.resamples).map(|_| statistic(&problems.resample(&mut draw)));
        let mut values: Vec<f64> = resamples.flatten().collect();
        values.sort_by(f64::total_cmp);
        let tail = (1.0 - self.level) / 2.0;
        let (low, high) = (quantile(&values, tail)?, quantile(&values, 1.0 - tail)?);
        Some(Interval { value, low, high, undefined: self.resamples - values.len() })
    }

    /// The difference `a − b` of two statistics on the same resamples (a paired bootstrap): variation between problems
    /// that affects both alike does not widen the interval. `None` as for [`interval`](Self::interval).
    pub fn difference(
        &self,
        problems: &Clusters,
        a: impl Fn(&[u32]) -> Option<f64>,
        b: impl Fn(&[u32]) -> Option<f64>,
    ) -> Option<Interval> {
        self.interval(problems, |weights| Some(a(weights)? - b(weights)?))
    }
}

/// Mean of `values`, in which `values[i]` counts `weights[i]` times; `None` where all weights are 0 or there are no
/// values.
///
/// ```
/// use arbitrage_router::metrics::{Bootstrap, Clusters, weighted_mean};
///
/// let values = [1.0, 0.0, 1.0, 1.0];
/// let mean = Bootstrap::default().interval(&Clusters::new(0..4), |weights| weighted_mean(&values, weights));
/// assert_eq!(mean.map(|mean| mean.value), Some(0.75));
/// ```
pub fn weighted_mean(values: &[f64], weights: &[u32]) -> Option<f64> {
    let total: f64 = values.iter().zip(weights).map(|(_, weight)| f64::from(*weight)).sum();
    let sum: f64 = values.iter().zip(weights).map(|(value, weight)| value * f64::from(*weight)).sum();
    (total > 0.0).then(|| sum / total)
}

/// The `share` quantile of sorted values, with `share` in [0, 1], interpolated linearly between the two nearest values
/// (Hyndman and Fan 1996, type 7). `None` without values.
///
/// ```
/// assert_eq!(arbitrage_router::metrics::quantile(&[1.0, 2.0, 4.0], 0.75), Some(3.0));
/// ```
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let position = share * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted.get(position.floor() as usize)?, sorted.get(position.ceil() as usize)?);
    Some(low + (high - low) * position.fract())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{CallBudget, CapturedAdvantage, Spearman};
    use std::time::Instant;

    fn mean(values: &[f64]) -> impl Fn(&[u32]) -> Option<f64> {
        move |weights| weighted_mean(values, weights)
    }

    fn uniform(count: usize, seed: u64) -> Vec<f64> {
        let mut draw = Draw::new(seed);
        (0..count).map(|_| draw.uniform()).collect()
    }

    #[test]
    fn the_interval_of_a_mean_is_the_normal_approximation() {
        let values = uniform(400, 3);
        let found = Bootstrap::new(4000, 0.95).unwrap().interval(&Clusters::new(0..400), mean(&values)).unwrap();
        let variance = values.iter().map(|value| (value - found.value).powi(2)).sum::<f64>() / 400.0;
        let half = 1.96 * (variance / 400.0).sqrt();
        assert!((found.low - (found.value - half)).abs() < 0.1 * half, "{found:?} ± {half}");
        assert!((found.high - (found.value + half)).abs() < 0.1 * half, "{found:?} ± {half}");
    }

    #[test]
    fn copies_of_a_step_do_not_narrow_the_interval() {
        let values = uniform(100, 3);
        let copied: Vec<f64> = values.iter().flat_map(|value| [*value; 5]).collect();
        let bootstrap = Bootstrap::default();
        let one = bootstrap.interval(&Clusters::new(0..100), mean(&values)).unwrap();
        let five = bootstrap.interval(&Clusters::new((0..500).map(|index| index / 5)), mean(&copied)).unwrap();
        assert!((one.low - five.low).abs() < 1e-9 && (one.high - five.high).abs() < 1e-9);
        let independent = bootstrap.interval(&Clusters::new(0..500), mean(&copied)).unwrap();
        assert!(independent.high - independent.low < 0.6 * (one.high - one.low));
    }

    #[test]
    fn variation_common_to_both_cancels_in_a_difference() {
        let (a, problems) = (uniform(200, 3), Clusters::new(0..200));
        let b: Vec<f64> = a.iter().map(|value| value - 0.125).collect();
        let found = Bootstrap::default().difference(&problems, mean(&a), mean(&b)).unwrap();
        assert!((found.low - 0.125).abs() < 1e-9 && (found.high - 0.125).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn undefined_resamples_are_counted() {
        let problems = Clusters::new(0..4);
        let bootstrap = Bootstrap::new(500, 0.9).unwrap();
        let needs_first = |weights: &[u32]| (weights[0] > 0).then_some(1.0);
        let found = bootstrap.interval(&problems, needs_first).unwrap();
        // The first of four problems is missed with probability (3/4)⁴ = 0.316.
        assert!(found.undefined.abs_diff(158) < 50, "{found:?}");
        assert_eq!(bootstrap.interval(&problems, |_| None), None);
        assert_eq!(bootstrap.interval(&problems, |_| Some(f64::NAN)), None);
        assert_eq!(bootstrap.interval(&Clusters::new([0; 0]), mean(&[])), None);
    }

    #[test]
    fn quantiles_are_interpolated() {
        let sorted = [0.0, 1.0, 2.0, 4.0];
        let found = [0.0, 0.5, 0.75, 1.0].map(|share| quantile(&sorted, share));
        assert_eq!(found, [Some(0.0), Some(1.5), Some(2.5), Some(4.0)]);
        assert_eq!((quantile(&[], 0.5), quantile(&[3.0], 0.3)), (None, Some(3.0)));
    }

    #[test]
    fn intervals_are_pinned() {
        let values = uniform(10, 3);
        let found =
            Bootstrap::new(100, 0.9).unwrap().with_seed(1).interval(&Clusters::new(0..10), mean(&values)).unwrap();
        assert_eq!(format!("{:.6} {:.6} {:.6}", found.low, found.value, found.high), "0.317793 0.475570 0.615732");
    }

    #[test]
    fn invalid_parameters_are_rejected() {
        for (resamples, level) in [(0, 0.9), (10, 0.0), (10, 1.0), (10, f64::NAN)] {
            assert!(Bootstrap::new(resamples, level).is_err());
        }
    }

    /// Not a benchmark, but an upper bound that sorting in every resample would exceed.
    #[test]
    fn twenty_thousand_steps_are_resampled_in_seconds() {
        let series = |seed| uniform(20_000, seed).iter().map(|value| (*value - 0.5) as f32).collect::<Vec<_>>();
        let (estimates, advantages) = (series(1), series(2));
        let problems = Clusters::new((0..20_000).map(|index| index / 8));
        let captured = CapturedAdvantage::new(&estimates, &advantages).unwrap();
        let spearman = Spearman::new(&estimates, &advantages).unwrap();
        let start = Instant::now();
        let statistic = |weights: &[u32]| captured.weighted(weights, CallBudget::OfOracle(0.5));
        let found = Bootstrap::default().interval(&problems, statistic).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        assert!(found.low < 0.0 && found.high > 0.0, "independent series capture no advantage: {found:?}");
        let rho = Bootstrap::new(50, 0.9).unwrap().interval(&problems, |weights| spearman.weighted(weights)).unwrap();
        assert!(rho.low < 0.0 && rho.high > 0.0, "{rho:?}");
        assert!(cfg!(debug_assertions) || seconds < 10.0, "{seconds} s");
    }
}
