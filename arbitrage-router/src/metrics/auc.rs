//! The area under the receiver's curve.

use super::{MetricsError, Order, error};

/// Probability that a step with label 1 has a greater estimate than one with label 0, ties counting half, in [0, 1].
/// `None` unless there are steps of both labels.
///
/// # Errors
/// [`MetricsError`] for estimates that are not finite and series of different length.
pub fn auc(estimates: &[f32], labels: &[bool]) -> Result<Option<f64>, MetricsError> {
    Ok(Auc::new(estimates, labels)?.weighted(&vec![1; estimates.len()]))
}

/// [`auc`], sorted once for many resamples.
#[derive(Clone, Debug)]
pub struct Auc {
    order: Order,
    labels: Vec<bool>,
}

impl Auc {
    /// Sorts the estimates.
    ///
    /// # Errors
    /// As for [`auc`].
    pub fn new(estimates: &[f32], labels: &[bool]) -> Result<Self, MetricsError> {
        error::count("labels", estimates.len(), labels.len())?;
        error::finite("estimate", estimates)?;
        Ok(Self { order: Order::new(estimates), labels: labels.to_vec() })
    }

    /// The area with example `i` there `weights[i]` times; `None` also for another number of weights than of examples.
    pub fn weighted(&self, weights: &[u32]) -> Option<f64> {
        if weights.len() != self.labels.len() {
            return None;
        }
        let (mut won, mut positives, mut negatives) = (0.0, 0.0, 0.0);
        for group in self.order.groups() {
            let weigh = |label: bool| -> f64 {
                let same = group.iter().filter(|place| self.labels[**place] == label);
                same.map(|place| f64::from(weights[*place])).sum()
            };
            let (ones, zeros) = (weigh(true), weigh(false));
            won += ones * (negatives + zeros / 2.0);
            positives += ones;
            negatives += zeros;
        }
        let pairs = positives * negatives;
        (pairs > 0.0).then(|| won / pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::expand;
    use proptest::prelude::*;

    /// Counts pairs.
    fn slow(examples: &[(f32, bool)]) -> Option<f64> {
        let (mut won, mut pairs) = (0.0, 0.0);
        for (one, _) in examples.iter().filter(|(_, label)| *label) {
            for (zero, _) in examples.iter().filter(|(_, label)| !*label) {
                won += if one > zero {
                    1.0
                } else if one == zero {
                    0.5
                } else {
                    0.0
                };
                pairs += 1.0;
            }
        }
        (pairs > 0.0).then(|| won / pairs)
    }

    proptest! {
        #[test]
        fn it_counts_pairs(rows in prop::collection::vec((-4i8..5, any::<bool>(), 0u32..4), 0..25)) {
            let examples: Vec<(f32, bool)> = rows.iter().map(|row| (f32::from(row.0), row.1)).collect();
            let (estimates, labels): (Vec<f32>, Vec<bool>) = examples.iter().copied().unzip();
            prop_assert_eq!(auc(&estimates, &labels).unwrap(), slow(&examples));
            let weights: Vec<u32> = rows.iter().map(|row| row.2).collect();
            let copies: Vec<(f32, bool)> = expand(&weights).into_iter().map(|at| examples[at]).collect();
            prop_assert_eq!(Auc::new(&estimates, &labels).unwrap().weighted(&weights), slow(&copies));
        }
    }

    #[test]
    fn one_label_alone_has_no_area() {
        assert_eq!(auc(&[], &[]).unwrap(), None);
        assert_eq!(auc(&[0.1, 0.2], &[true, true]).unwrap(), None);
        assert_eq!(auc(&[0.1, 0.2], &[false, false]).unwrap(), None);
        assert_eq!(Auc::new(&[0.1, 0.2], &[true, false]).unwrap().weighted(&[1]), None);
    }

    #[test]
    fn bad_series_are_refused() {
        assert!(auc(&[0.1], &[]).is_err());
        assert!(auc(&[f32::NAN], &[true]).is_err());
    }
}
