//! Isotonic regression.

use serde::{Deserialize, Serialize};

use super::CalibrateError;
use super::error::class_counts;
use crate::metrics::{SortedGroups, error};

/// The monotone step function with the least squared distance to the labels, fitted by pooling adjacent violators (Ayer
/// et al. 1955; Zadrozny and Elkan 2002).
///
/// Each step of the function extends from its lower bound up to the lower bound of the next one. Estimates below the
/// first lower bound have the value of the first step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedIsotonic")]
pub struct Isotonic {
    #[serde(rename = "from")]
    lower_bounds: Vec<f32>,
    values: Vec<f32>,
}

impl Isotonic {
    /// Fits the function to validation estimates of any range.
    ///
    /// # Errors
    /// [`CalibrateError::SingleClass`] unless both labels occur; [`CalibrateError::Series`] for estimates that are not
    /// finite and series of different length.
    pub fn fit(estimates: &[f32], labels: &[bool]) -> Result<Self, CalibrateError> {
        error::check_len("labels", estimates.len(), labels.len())?;
        error::check_finite("estimate", estimates)?;
        class_counts(labels)?;
        let sorted = SortedGroups::new(estimates);
        let blocks = pool(sorted.groups().map(|group| PooledBlock {
            lower_bound: estimates[group[0]],
            ones: group.iter().filter(|index| labels[**index]).count(),
            count: group.len(),
        }));
        let lower_bounds = blocks.iter().map(|block| block.lower_bound).collect();
        let values = blocks.iter().map(|block| (block.ones as f64 / block.count as f64) as f32).collect();
        Ok(Self { lower_bounds, values })
    }

    /// The calibrated estimate, in [0, 1]; NaN for NaN.
    pub fn apply(&self, estimate: f32) -> f32 {
        if estimate.is_nan() {
            return estimate;
        }
        let next = self.lower_bounds.partition_point(|bound| *bound <= estimate);
        self.values[next.saturating_sub(1)]
    }

    /// The steps of the function as `(lower bound, value)`, both ascending.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = (f32, f32)> {
        self.lower_bounds.iter().copied().zip(self.values.iter().copied())
    }
}

/// A range of neighbouring estimates with a common value, `ones / count`.
struct PooledBlock {
    lower_bound: f32,
    ones: usize,
    count: usize,
}

impl PooledBlock {
    /// Whether the value of this block is less than that of `next`. Compares whole numbers, so that rounding does not
    /// matter.
    fn is_below(&self, next: &Self) -> bool {
        (self.ones as u128) * (next.count as u128) < (next.ones as u128) * (self.count as u128)
    }
}

/// Merges neighbouring blocks until their values are strictly ascending.
fn pool(groups: impl Iterator<Item = PooledBlock>) -> Vec<PooledBlock> {
    let mut blocks: Vec<PooledBlock> = Vec::new();
    for mut block in groups {
        while let Some(last) = blocks.pop_if(|last| !last.is_below(&block)) {
            let (ones, count) = (last.ones + block.ones, last.count + block.count);
            block = PooledBlock { lower_bound: last.lower_bound, ones, count };
        }
        blocks.push(block);
    }
    blocks
}

/// The deserialised form of [`Isotonic`], before validation.
#[derive(Deserialize)]
struct UncheckedIsotonic {
    from: Vec<f32>,
    values: Vec<f32>,
}

impl TryFrom<UncheckedIsotonic> for Isotonic {
    type Error = CalibrateError;
    fn try_from(UncheckedIsotonic { from, values }: UncheckedIsotonic) -> Result<Self, CalibrateError> {
        let invalid = |what, expected, found: String| Err(CalibrateError::parameter(what, expected, found));
        if from.is_empty() || from.len() != values.len() {
            let found = format!("{} and {}", from.len(), values.len());
            invalid("isotonic steps", "as many lower bounds as values, at least one", found)
        } else if !from.iter().all(|number| number.is_finite()) || !from.is_sorted_by(|a, b| a < b) {
            invalid("isotonic lower bounds", "finite numbers, strictly ascending", format!("{from:?}"))
        } else if !values.iter().all(|value| (0.0..=1.0).contains(value)) || !values.is_sorted() {
            invalid("isotonic values", "numbers in 0..=1, ascending", format!("{values:?}"))
        } else {
            Ok(Self { lower_bounds: from, values })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unzip(rows: &[(u8, bool)]) -> (Vec<f32>, Vec<bool>) {
        rows.iter().map(|row| (f32::from(row.0) / 8.0, row.1)).unzip()
    }

    /// The fit at `x` by the formula `max over a ≤ x of min over b ≥ x of the mean over a..=b` (Robertson et al.
    /// 1988).
    fn by_definition(rows: &[(u8, bool)], x: u8) -> f64 {
        let mean = |a: u8, b: u8| {
            let inside = rows.iter().filter(|row| (a..=b).contains(&row.0));
            let ones = inside.clone().filter(|row| row.1).count();
            ones as f64 / inside.count() as f64
        };
        let estimates = || rows.iter().map(|row| row.0);
        let least = |a: u8| estimates().filter(|b| *b >= x).map(|b| mean(a, b)).fold(f64::INFINITY, f64::min);
        estimates().filter(|a| *a <= x).map(least).fold(0.0, f64::max)
    }

    proptest! {
        #[test]
        fn the_fit_is_the_best_monotone_fit(rows in prop::collection::vec((0u8..10, any::<bool>()), 2..30)) {
            let (estimates, labels) = unzip(&rows);
            prop_assume!(labels.contains(&true) && labels.contains(&false));
            let isotonic = Isotonic::fit(&estimates, &labels).unwrap();
            for (x, _) in &rows {
                let found = f64::from(isotonic.apply(f32::from(*x) / 8.0));
                prop_assert!((found - by_definition(&rows, *x)).abs() < 1e-6, "{} and {} at {}", found, by_definition(&rows, *x), x);
            }
            prop_assert!(isotonic.steps().is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1));
        }

        #[test]
        fn the_function_is_monotone(rows in prop::collection::vec((0u8..10, any::<bool>()), 2..30), a: f32, b: f32) {
            let (estimates, labels) = unzip(&rows);
            prop_assume!(labels.contains(&true) && labels.contains(&false));
            let isotonic = Isotonic::fit(&estimates, &labels).unwrap();
            prop_assume!(!a.is_nan() && !b.is_nan());
            prop_assert!(isotonic.apply(a.min(b)) <= isotonic.apply(a.max(b)));
        }

        #[test]
        fn calibration_keeps_the_mean(rows in prop::collection::vec((0u8..10, any::<bool>()), 2..30)) {
            let (estimates, labels) = unzip(&rows);
            prop_assume!(labels.contains(&true) && labels.contains(&false));
            let isotonic = Isotonic::fit(&estimates, &labels).unwrap();
            let sum: f32 = estimates.iter().map(|estimate| isotonic.apply(*estimate)).sum();
            prop_assert!((sum - labels.iter().filter(|label| **label).count() as f32).abs() < 1e-4);
        }
    }

    #[test]
    fn known_steps() {
        let (estimates, labels) = ([0.1, 0.2, 0.3, 0.4, 0.5], [false, true, false, true, true]);
        let isotonic = Isotonic::fit(&estimates, &labels).unwrap();
        assert_eq!(isotonic.steps().collect::<Vec<_>>(), [(0.1, 0.0), (0.2, 0.5), (0.4, 1.0)]);
        let found = [-1.0, 0.1, 0.199, 0.2, 0.39, 0.4, 9.0].map(|estimate| isotonic.apply(estimate));
        assert_eq!(found, [0.0, 0.0, 0.0, 0.5, 0.5, 1.0, 1.0]);
    }

    #[test]
    fn anti_correlated_estimates_become_the_base_rate() {
        let isotonic = Isotonic::fit(&[0.1, 0.9], &[true, false]).unwrap();
        assert_eq!(isotonic.steps().collect::<Vec<_>>(), [(0.1, 0.5)]);
    }

    #[test]
    fn invalid_input_is_rejected() {
        assert!(Isotonic::fit(&[0.1, 0.2], &[true, true]).is_err());
        assert!(Isotonic::fit(&[], &[]).is_err());
        assert!(Isotonic::fit(&[0.1, f32::INFINITY], &[true, false]).is_err());
        let good = r#"{"from":[0.25,0.5],"values":[0.0,1.0]}"#;
        assert!(serde_json::from_str::<Isotonic>(good).is_ok());
        for (part, bad) in
            [("0.25,0.5", "0.5,0.25"), ("0.0,1.0", "1.0,0.0"), ("1.0]", "1.5]"), (",1.0", ""), ("0.5]", "1e39]")]
        {
            assert!(serde_json::from_str::<Isotonic>(&good.replace(part, bad)).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Isotonic>(r#"{"from":[],"values":[]}"#).is_err());
    }
}
