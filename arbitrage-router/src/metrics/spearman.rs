//! Spearman's rank correlation.

use super::{MetricsError, Order, error};

/// Spearman's ρ between estimates and advantages, in [−1, 1], ties with their average rank (paper, §4.2). `None` when
/// there are fewer than two pairs or one of the series is constant.
///
/// # Errors
/// [`MetricsError`] for numbers that are not finite and series of different length.
pub fn spearman(estimates: &[f32], advantages: &[f32]) -> Result<Option<f64>, MetricsError> {
    Ok(Spearman::new(estimates, advantages)?.weighted(&vec![1; estimates.len()]))
}

/// [`spearman`], sorted once for many resamples.
#[derive(Clone, Debug)]
pub struct Spearman {
    estimates: Order,
    advantages: Order,
}

impl Spearman {
    /// Sorts both series.
    ///
    /// # Errors
    /// As for [`spearman`].
    pub fn new(estimates: &[f32], advantages: &[f32]) -> Result<Self, MetricsError> {
        error::count("advantages", estimates.len(), advantages.len())?;
        error::finite("estimate", estimates)?;
        error::finite("advantage", advantages)?;
        Ok(Self { estimates: Order::new(estimates), advantages: Order::new(advantages) })
    }

    /// ρ with example `i` there `weights[i]` times; `None` also for another number of weights than of examples.
    pub fn weighted(&self, weights: &[u32]) -> Option<f64> {
        if weights.len() != self.estimates.len() {
            return None;
        }
        let (x, y) = (ranks(&self.estimates, weights), ranks(&self.advantages, weights));
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for ((x, y), weight) in x.iter().zip(&y).zip(weights) {
            let weight = f64::from(*weight);
            xx += weight * x * x;
            xy += weight * x * y;
            yy += weight * y * y;
        }
        // Ranks are multiples of a half, so a constant series is 0 exactly.
        (xx > 0.0 && yy > 0.0).then(|| (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0))
    }
}

/// Ranks less their mean; those of weight 0 do not count.
fn ranks(order: &Order, weights: &[u32]) -> Vec<f64> {
    let weight = |group: &[usize]| group.iter().map(|place| u64::from(weights[*place])).sum::<u64>() as f64;
    let middle = (order.groups().map(weight).sum::<f64>() + 1.0) / 2.0;
    let mut ranks = vec![0.0; order.len()];
    let mut below = 0.0;
    for group in order.groups() {
        let size = weight(group);
        group.iter().for_each(|place| ranks[*place] = below + (size + 1.0) / 2.0 - middle);
        below += size;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::expand;
    use proptest::prelude::*;

    /// Ranks by counting, then Pearson's formula by its definition.
    fn slow(x: &[f32], y: &[f32]) -> Option<f64> {
        let rank = |of: &[f32], at: usize| {
            let less = of.iter().filter(|other| **other < of[at]).count();
            let same = of.iter().filter(|other| **other == of[at]).count();
            less as f64 + (same as f64 + 1.0) / 2.0
        };
        let n = x.len();
        let (x, y): (Vec<f64>, Vec<f64>) = (0..n).map(|at| (rank(x, at), rank(y, at))).unzip();
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
        fn it_is_the_slow_one(pairs in prop::collection::vec((-4i8..5, -4i8..5), 0..25)) {
            let (x, y): (Vec<f32>, Vec<f32>) = pairs.iter().map(|(x, y)| (f32::from(*x), f32::from(*y))).unzip();
            prop_assert!(close(spearman(&x, &y).unwrap(), slow(&x, &y)));
        }

        #[test]
        fn weights_are_copies(rows in prop::collection::vec((-4i8..5, -4i8..5, 0u32..4), 0..15)) {
            let x: Vec<f32> = rows.iter().map(|row| f32::from(row.0)).collect();
            let y: Vec<f32> = rows.iter().map(|row| f32::from(row.1)).collect();
            let weights: Vec<u32> = rows.iter().map(|row| row.2).collect();
            let copies = |of: &[f32]| expand(&weights).into_iter().map(|at| of[at]).collect::<Vec<_>>();
            let found = Spearman::new(&x, &y).unwrap().weighted(&weights);
            prop_assert!(close(found, slow(&copies(&x), &copies(&y))));
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
    fn what_has_no_correlation_has_none() {
        assert_eq!(spearman(&[], &[]).unwrap(), None);
        assert_eq!(spearman(&[1.0], &[1.0]).unwrap(), None);
        assert_eq!(spearman(&[0.5, 0.5], &[1.0, 2.0]).unwrap(), None);
        assert_eq!(Spearman::new(&[0.5, 0.6], &[1.0, 2.0]).unwrap().weighted(&[1]), None);
    }

    #[test]
    fn bad_series_are_refused() {
        let error = spearman(&[0.5, 0.6], &[1.0]).unwrap_err();
        assert_eq!(error, MetricsError::Count { what: "advantages", expected: 2, found: 1 });
        assert!(spearman(&[0.5, f32::NAN], &[1.0, 2.0]).unwrap_err().to_string().starts_with("estimate 1"));
        assert!(spearman(&[0.5, 0.6], &[f32::INFINITY, 2.0]).unwrap_err().to_string().starts_with("advantage 0"));
    }
}
