//! Spearman's rank correlation.

use super::{MetricsError, SortedGroups, error};

/// Spearman's ρ between estimates and advantages, in [−1, 1], where ties have their average rank (paper, §4.2). `None`
/// where there are fewer than two steps or one of the series is constant.
///
/// # Errors
/// [`MetricsError`] for numbers that are not finite and series of different length.
pub fn spearman(estimates: &[f32], advantages: &[f32]) -> Result<Option<f64>, MetricsError> {
    Ok(Spearman::new(estimates, advantages)?.weighted(&vec![1; estimates.len()]))
}

/// [`spearman`] for many resamples of the same steps, which are sorted once.
#[derive(Clone, Debug)]
pub struct Spearman {
    by_estimate: SortedGroups,
    by_advantage: SortedGroups,
}

impl Spearman {
    /// Sorts both series, which hold one number per step.
    ///
    /// # Errors
    /// As for [`spearman`].
    pub fn new(estimates: &[f32], advantages: &[f32]) -> Result<Self, MetricsError> {
        error::check_advantages(estimates, advantages)?;
        Ok(Self { by_estimate: SortedGroups::new(estimates), by_advantage: SortedGroups::new(advantages) })
    }

    /// ρ of a resample that contains step `i` `weights[i]` times. `None` also where the number of weights is not the
    /// number of steps.
    pub fn weighted(&self, weights: &[u32]) -> Option<f64> {
        if weights.len() != self.by_estimate.len() {
            return None;
        }
        let (x, y) = (centred_ranks(&self.by_estimate, weights), centred_ranks(&self.by_advantage, weights));
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for ((x, y), weight) in x.iter().zip(&y).zip(weights) {
            let weight = f64::from(*weight);
            xx += weight * x * x;
            xy += weight * x * y;
            yy += weight * y * y;
        }
        // Ranks are multiples of one half, so the sum of squares of a constant series is exactly 0.
        (xx > 0.0 && yy > 0.0).then(|| (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0))
    }
}

/// Rank of each step minus the mean rank. Steps of weight 0 have no influence on the ranks of others.
fn centred_ranks(sorted: &SortedGroups, weights: &[u32]) -> Vec<f64> {
    let size = |group: &[usize]| group.iter().map(|index| u64::from(weights[*index])).sum::<u64>() as f64;
    let mean = (sorted.groups().map(size).sum::<f64>() + 1.0) / 2.0;
    let mut ranks = vec![0.0; sorted.len()];
    let mut below = 0.0;
    for group in sorted.groups() {
        let size = size(group);
        group.iter().for_each(|index| ranks[*index] = below + (size + 1.0) / 2.0 - mean);
        below += size;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::expand;
    use proptest::prelude::*;

    /// Pearson's correlation of ranks that are found by counting.
    fn by_definition(x: &[f32], y: &[f32]) -> Option<f64> {
        let rank = |series: &[f32], index: usize| {
            let less = series.iter().filter(|other| **other < series[index]).count();
            let same = series.iter().filter(|other| **other == series[index]).count();
            less as f64 + (same as f64 + 1.0) / 2.0
        };
        let n = x.len();
        let (x, y): (Vec<f64>, Vec<f64>) = (0..n).map(|index| (rank(x, index), rank(y, index))).unzip();
        let (mx, my) = (x.iter().sum::<f64>() / n as f64, y.iter().sum::<f64>() / n as f64);
        let product = |a: &[f64], ma: f64, b: &[f64], mb: f64| (0..n).map(|i| (a[i] - ma) * (b[i] - mb)).sum::<f64>();
        let (xx, yy) = (product(&x, mx, &x, mx), product(&y, my, &y, my));
        (xx > 1e-9 && yy > 1e-9).then(|| product(&x, mx, &y, my) / (xx * yy).sqrt())
    }

    fn close(found: Option<f64>, expected: Option<f64>) -> bool {
        match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
            (found, expected) => found == expected,
        }
    }

    proptest! {
        #[test]
        fn it_matches_the_definition(pairs in prop::collection::vec((-4i8..5, -4i8..5), 0..25)) {
            let (x, y): (Vec<f32>, Vec<f32>) = pairs.iter().map(|(x, y)| (f32::from(*x), f32::from(*y))).unzip();
            prop_assert!(close(spearman(&x, &y).unwrap(), by_definition(&x, &y)));
        }

        #[test]
        fn weights_are_copies(rows in prop::collection::vec((-4i8..5, -4i8..5, 0u32..4), 0..15)) {
            let x: Vec<f32> = rows.iter().map(|row| f32::from(row.0)).collect();
            let y: Vec<f32> = rows.iter().map(|row| f32::from(row.1)).collect();
            let weights: Vec<u32> = rows.iter().map(|row| row.2).collect();
            let copies = |series: &[f32]| expand(&weights).into_iter().map(|index| series[index]).collect::<Vec<_>>();
            let found = Spearman::new(&x, &y).unwrap().weighted(&weights);
            prop_assert!(close(found, by_definition(&copies(&x), &copies(&y))));
        }
    }

    #[test]
    fn known_values() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(spearman(&x, &[10.0, 20.0, 30.0, 40.0, 1000.0]).unwrap(), Some(1.0));
        assert_eq!(spearman(&x, &[5.0, 4.0, 3.0, 2.0, 1.0]).unwrap(), Some(-1.0));
        // 1 − 6·Σd²/(n(n² − 1)) with Σd² = 4.
        assert!(close(spearman(&x, &[2.0, 1.0, 4.0, 3.0, 5.0]).unwrap(), Some(0.8)));
    }

    #[test]
    fn undefined_correlations_are_none() {
        assert_eq!(spearman(&[], &[]).unwrap(), None);
        assert_eq!(spearman(&[1.0], &[1.0]).unwrap(), None);
        assert_eq!(spearman(&[0.5, 0.5], &[1.0, 2.0]).unwrap(), None);
        assert_eq!(Spearman::new(&[0.5, 0.6], &[1.0, 2.0]).unwrap().weighted(&[1]), None);
    }

    #[test]
    fn invalid_series_are_rejected() {
        let error = spearman(&[0.5, 0.6], &[1.0]).unwrap_err();
        assert_eq!(error, MetricsError::Count { what: "advantages", expected: 2, found: 1 });
        assert!(spearman(&[0.5, f32::NAN], &[1.0, 2.0]).unwrap_err().to_string().starts_with("estimate 1"));
        assert!(spearman(&[0.5, 0.6], &[f32::INFINITY, 2.0]).unwrap_err().to_string().starts_with("advantage 0"));
    }
}
