//! The area under the receiver operating characteristic (ROC) curve.

use super::{MetricsError, SortedGroups, error};

/// Area under the ROC curve, in [0, 1]: the probability that a step with label 1 has a greater estimate than one with
/// label 0, ties counting half. `None` unless there are steps of both labels.
///
/// # Errors
/// [`MetricsError`] for estimates that are not finite and series of different length.
pub fn auc(estimates: &[f32], labels: &[bool]) -> Result<Option<f64>, MetricsError> {
    Ok(Auc::new(estimates, labels)?.weighted(&vec![1; estimates.len()]))
}

/// [`auc`] for many resamples of the same steps, which are sorted once.
#[derive(Clone, Debug)]
pub struct Auc {
    by_estimate: SortedGroups,
    labels: Vec<bool>,
}

impl Auc {
    /// Sorts the steps by estimate.
    ///
    /// # Errors
    /// As for [`auc`].
    pub fn new(estimates: &[f32], labels: &[bool]) -> Result<Self, MetricsError> {
        error::check_len("labels", estimates.len(), labels.len())?;
        error::check_finite("estimate", estimates)?;
        Ok(Self { by_estimate: SortedGroups::new(estimates), labels: labels.to_vec() })
    }

    /// The area for a resample that contains step `i` `weights[i]` times. `None` also where the number of weights is
    /// not the number of steps.
    pub fn weighted(&self, weights: &[u32]) -> Option<f64> {
        if weights.len() != self.labels.len() {
            return None;
        }
        let (mut ordered_pairs, mut positives, mut negatives) = (0.0, 0.0, 0.0);
        for group in self.by_estimate.groups() {
            let count = |label: bool| -> f64 {
                let same = group.iter().filter(|index| self.labels[**index] == label);
                same.map(|index| f64::from(weights[*index])).sum()
            };
            let (ones, zeros) = (count(true), count(false));
            ordered_pairs += ones * (negatives + zeros / 2.0);
            positives += ones;
            negatives += zeros;
        }
        let pairs = positives * negatives;
        (pairs > 0.0).then(|| ordered_pairs / pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::expand;
    use proptest::prelude::*;

    /// Counts correctly ordered pairs, as the definition says.
    fn by_definition(examples: &[(f32, bool)]) -> Option<f64> {
        let (mut ordered, mut pairs) = (0.0, 0.0);
        for (one, _) in examples.iter().filter(|(_, label)| *label) {
            for (zero, _) in examples.iter().filter(|(_, label)| !*label) {
                ordered += if one > zero {
                    1.0
                } else if one == zero {
                    0.5
                } else {
                    0.0
                };
                pairs += 1.0;
            }
        }
        (pairs > 0.0).then(|| ordered / pairs)
    }

    proptest! {
        #[test]
        fn auc_counts_pairs(rows in prop::collection::vec((-4i8..5, any::<bool>(), 0u32..4), 0..25)) {
            let examples: Vec<(f32, bool)> = rows.iter().map(|row| (f32::from(row.0), row.1)).collect();
            let (estimates, labels): (Vec<f32>, Vec<bool>) = examples.iter().copied().unzip();
            prop_assert_eq!(auc(&estimates, &labels).unwrap(), by_definition(&examples));
            let weights: Vec<u32> = rows.iter().map(|row| row.2).collect();
            let copies: Vec<(f32, bool)> = expand(&weights).into_iter().map(|index| examples[index]).collect();
            prop_assert_eq!(Auc::new(&estimates, &labels).unwrap().weighted(&weights), by_definition(&copies));
        }
    }

    #[test]
    fn auc_of_a_single_label_is_undefined() {
        assert_eq!(auc(&[], &[]).unwrap(), None);
        assert_eq!(auc(&[0.1, 0.2], &[true, true]).unwrap(), None);
        assert_eq!(auc(&[0.1, 0.2], &[false, false]).unwrap(), None);
        assert_eq!(Auc::new(&[0.1, 0.2], &[true, false]).unwrap().weighted(&[1]), None);
    }

    #[test]
    fn invalid_series_are_rejected() {
        assert!(auc(&[0.1], &[]).is_err());
        assert!(auc(&[f32::NAN], &[true]).is_err());
    }
}
