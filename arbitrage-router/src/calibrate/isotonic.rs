//! Isotonic regression.

use serde::{Deserialize, Serialize};

use super::CalibrateError;
use super::error::both_kinds;
use crate::metrics::{Order, error};

/// The monotone step function that is nearest to the labels, by pooling adjacent violators (Ayer et al. 1955; Zadrozny
/// and Elkan 2002).
///
/// A step reaches from its least estimate up to the next step's; below the first one, the first one's value holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Isotonic {
    from: Vec<f32>,
    values: Vec<f32>,
}

impl Isotonic {
    /// Fits the function to validation estimates of any range.
    ///
    /// # Errors
    /// [`CalibrateError::Labels`] unless there are labels of both kinds; [`CalibrateError::Series`] for estimates that
    /// are not finite and series of different length.
    pub fn fit(estimates: &[f32], labels: &[bool]) -> Result<Self, CalibrateError> {
        error::count("labels", estimates.len(), labels.len())?;
        error::finite("estimate", estimates)?;
        both_kinds(labels)?;
        let order = Order::new(estimates);
        let blocks = pool(order.groups().map(|group| Block {
            from: estimates[group[0]],
            ones: group.iter().filter(|place| labels[**place]).count(),
            count: group.len(),
        }));
        let value = |block: &Block| (block.ones as f64 / block.count as f64) as f32;
        Ok(Self { from: blocks.iter().map(|block| block.from).collect(), values: blocks.iter().map(value).collect() })
    }

    /// The calibrated estimate, in [0, 1], found by bisection; NaN for NaN.
    pub fn apply(&self, estimate: f32) -> f32 {
        if estimate.is_nan() {
            return estimate;
        }
        let step = self.from.partition_point(|from| *from <= estimate);
        self.values[step.saturating_sub(1)]
    }

    /// The steps: their least estimate and their value, both ascending.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = (f32, f32)> {
        self.from.iter().copied().zip(self.values.iter().copied())
    }
}

/// Neighbouring estimates with one value.
struct Block {
    from: f32,
    ones: usize,
    count: usize,
}

impl Block {
    /// Whether its value is below that of `next`. In whole numbers, so that equal values are equal.
    fn is_below(&self, next: &Self) -> bool {
        (self.ones as u128) * (next.count as u128) < (next.ones as u128) * (self.count as u128)
    }
}

/// Pools neighbours until values rise.
fn pool(groups: impl Iterator<Item = Block>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for mut block in groups {
        while let Some(last) = blocks.pop_if(|last| !last.is_below(&block)) {
            block = Block { from: last.from, ones: last.ones + block.ones, count: last.count + block.count };
        }
        blocks.push(block);
    }
    blocks
}

/// What a file says of a step function, to be checked.
#[derive(Deserialize)]
struct Unchecked {
    from: Vec<f32>,
    values: Vec<f32>,
}

impl TryFrom<Unchecked> for Isotonic {
    type Error = CalibrateError;
    fn try_from(Unchecked { from, values }: Unchecked) -> Result<Self, CalibrateError> {
        let wrong = |what, expected, found: String| Err(CalibrateError::parameter(what, expected, found));
        if from.is_empty() || from.len() != values.len() {
            wrong("isotonic steps", "one value a step, and a step", format!("{} and {}", from.len(), values.len()))
        } else if !from.iter().all(|number| number.is_finite()) || !from.is_sorted_by(|a, b| a < b) {
            wrong("isotonic steps", "finite estimates, strictly ascending", format!("{from:?}"))
        } else if !values.iter().all(|value| (0.0..=1.0).contains(value)) || !values.is_sorted() {
            wrong("isotonic values", "numbers in 0..=1, ascending", format!("{values:?}"))
        } else {
            Ok(Self { from, values })
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

    /// The fit at `x`, by the formula `max over a ≤ x of min over b ≥ x of the mean over a..=b` (Robertson et al.
    /// 1988).
    fn slow(rows: &[(u8, bool)], x: u8) -> f64 {
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
        fn it_is_the_best_monotone_fit(rows in prop::collection::vec((0u8..10, any::<bool>()), 2..30)) {
            let (estimates, labels) = unzip(&rows);
            prop_assume!(labels.contains(&true) && labels.contains(&false));
            let isotonic = Isotonic::fit(&estimates, &labels).unwrap();
            for (x, _) in &rows {
                let found = f64::from(isotonic.apply(f32::from(*x) / 8.0));
                prop_assert!((found - slow(&rows, *x)).abs() < 1e-6, "{} and {} at {}", found, slow(&rows, *x), x);
            }
            prop_assert!(isotonic.steps().is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1));
        }

        #[test]
        fn it_rises_everywhere(rows in prop::collection::vec((0u8..10, any::<bool>()), 2..30), a: f32, b: f32) {
            let (estimates, labels) = unzip(&rows);
            prop_assume!(labels.contains(&true) && labels.contains(&false));
            let isotonic = Isotonic::fit(&estimates, &labels).unwrap();
            prop_assume!(!a.is_nan() && !b.is_nan());
            prop_assert!(isotonic.apply(a.min(b)) <= isotonic.apply(a.max(b)));
        }

        #[test]
        fn the_mean_is_kept(rows in prop::collection::vec((0u8..10, any::<bool>()), 2..30)) {
            let (estimates, labels) = unzip(&rows);
            prop_assume!(labels.contains(&true) && labels.contains(&false));
            let isotonic = Isotonic::fit(&estimates, &labels).unwrap();
            let sum: f32 = estimates.iter().map(|estimate| isotonic.apply(*estimate)).sum();
            prop_assert!((sum - labels.iter().filter(|label| **label).count() as f32).abs() < 1e-4);
        }
    }

    #[test]
    fn steps_by_hand() {
        let (estimates, labels) = ([0.1, 0.2, 0.3, 0.4, 0.5], [false, true, false, true, true]);
        let isotonic = Isotonic::fit(&estimates, &labels).unwrap();
        assert_eq!(isotonic.steps().collect::<Vec<_>>(), [(0.1, 0.0), (0.2, 0.5), (0.4, 1.0)]);
        let found = [-1.0, 0.1, 0.199, 0.2, 0.39, 0.4, 9.0].map(|estimate| isotonic.apply(estimate));
        assert_eq!(found, [0.0, 0.0, 0.0, 0.5, 0.5, 1.0, 1.0]);
    }

    #[test]
    fn estimates_that_mislead_become_the_base_rate() {
        let isotonic = Isotonic::fit(&[0.1, 0.9], &[true, false]).unwrap();
        assert_eq!(isotonic.steps().collect::<Vec<_>>(), [(0.1, 0.5)]);
    }

    #[test]
    fn nonsense_is_refused() {
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
