//! Routes at one threshold against labels: the confusion matrix and its ratios.

use super::{MetricsError, error};

/// Confusion matrix: numbers of steps by label (1 where `Δ > 0`) and route. Its ratios are in [0, 1], and `None` where
/// the denominator is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confusion {
    /// Accepted steps with label 0: true negatives.
    pub accepted_zeros: u64,
    /// Escalated steps with label 0: false positives, which are wasted target calls.
    pub escalated_zeros: u64,
    /// Accepted steps with label 1: false negatives, whose advantage is missed.
    pub accepted_ones: u64,
    /// Escalated steps with label 1: true positives.
    pub escalated_ones: u64,
}

/// Counts steps by label and route at a threshold: a step is escalated iff `ŷ > tau` (paper, §4.2).
///
/// # Errors
/// [`MetricsError`] for estimates that are not finite, a threshold of NaN, and series of different length.
pub fn confusion(estimates: &[f32], labels: &[bool], tau: f32) -> Result<Confusion, MetricsError> {
    Confusion::weighted(estimates, labels, tau, &vec![1; estimates.len()])
}

impl Confusion {
    /// [`confusion`] of a resample that contains step `i` `weights[i]` times.
    ///
    /// # Errors
    /// As for [`confusion`].
    pub fn weighted(estimates: &[f32], labels: &[bool], tau: f32, weights: &[u32]) -> Result<Self, MetricsError> {
        error::check_len("labels", estimates.len(), labels.len())?;
        error::check_len("weights", estimates.len(), weights.len())?;
        error::check_finite("estimate", estimates)?;
        error::check_threshold(tau)?;
        let mut confusion = Self::default();
        for ((estimate, label), weight) in estimates.iter().zip(labels).zip(weights) {
            let count = match (label, *estimate > tau) {
                (false, false) => &mut confusion.accepted_zeros,
                (false, true) => &mut confusion.escalated_zeros,
                (true, false) => &mut confusion.accepted_ones,
                (true, true) => &mut confusion.escalated_ones,
            };
            *count += u64::from(*weight);
        }
        Ok(confusion)
    }

    /// Acc0: share of the steps with label 0 that are accepted (paper, App. D); the specificity.
    pub fn acc0(&self) -> Option<f64> {
        ratio(self.accepted_zeros, self.accepted_zeros + self.escalated_zeros)
    }

    /// Acc1: share of the steps with label 1 that are escalated (paper, App. D); the recall.
    pub fn acc1(&self) -> Option<f64> {
        ratio(self.escalated_ones, self.accepted_ones + self.escalated_ones)
    }

    /// Share of the escalated steps that have label 1.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.escalated_ones, self.escalated_ones + self.escalated_zeros)
    }

    /// Harmonic mean of [`precision`](Self::precision) and [`acc1`](Self::acc1); `None` where no step has label 1 or is
    /// escalated.
    pub fn f1(&self) -> Option<f64> {
        ratio(2 * self.escalated_ones, 2 * self.escalated_ones + self.escalated_zeros + self.accepted_ones)
    }

    /// Share of the steps that are routed correctly.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.accepted_zeros + self.escalated_ones, self.total())
    }

    /// Share of the steps that are accepted, the paper's `α`.
    pub fn acceptance(&self) -> Option<f64> {
        ratio(self.accepted_zeros + self.accepted_ones, self.total())
    }

    /// Number of all steps.
    pub fn total(&self) -> u64 {
        self.accepted_zeros + self.escalated_zeros + self.accepted_ones + self.escalated_ones
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ESTIMATES: [f32; 6] = [0.1, 0.5, 0.500_001, 0.9, 0.2, 0.7];
    const LABELS: [bool; 6] = [false, false, false, true, true, true];

    #[test]
    fn known_ratios() {
        let found = confusion(&ESTIMATES, &LABELS, 0.5).unwrap();
        assert_eq!((found.accepted_zeros, found.escalated_zeros), (2, 1));
        assert_eq!((found.accepted_ones, found.escalated_ones), (1, 2));
        let ratios = [found.acc0(), found.acc1(), found.precision(), found.f1(), found.accuracy(), found.acceptance()];
        let two_thirds = Some(2.0 / 3.0);
        assert_eq!(ratios, [two_thirds, two_thirds, two_thirds, two_thirds, two_thirds, Some(0.5)]);
    }

    proptest! {
        #[test]
        fn f1_is_the_harmonic_mean(rows in prop::collection::vec((0u8..9, any::<bool>()), 1..40), tau in 0u8..9) {
            let (estimates, labels): (Vec<f32>, Vec<bool>) = rows.iter().map(|row| (f32::from(row.0), row.1)).unzip();
            let found = confusion(&estimates, &labels, f32::from(tau)).unwrap();
            prop_assert_eq!(found.total(), rows.len() as u64);
            if let (Some(precision), Some(recall)) = (found.precision(), found.acc1()) {
                let mean = 2.0 * precision * recall / (precision + recall).max(1e-300);
                prop_assert!((found.f1().unwrap() - mean).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn ratios_of_nothing_are_undefined() {
        let none = confusion(&[], &[], 0.5).unwrap();
        assert_eq!([none.acc0(), none.acc1(), none.precision(), none.f1(), none.accuracy()], [None; 5]);
        let zeros = confusion(&[0.1], &[false], 0.5).unwrap();
        assert_eq!((zeros.acc0(), zeros.acc1(), zeros.f1()), (Some(1.0), None, None));
    }

    #[test]
    fn thresholds_may_be_infinite_but_not_nan() {
        assert_eq!(confusion(&ESTIMATES, &LABELS, f32::INFINITY).unwrap().acceptance(), Some(1.0));
        assert_eq!(confusion(&ESTIMATES, &LABELS, f32::NEG_INFINITY).unwrap().acceptance(), Some(0.0));
        assert!(confusion(&ESTIMATES, &LABELS, f32::NAN).is_err());
        assert!(confusion(&ESTIMATES, &LABELS[1..], 0.5).is_err());
        assert!(Confusion::weighted(&ESTIMATES, &LABELS, 0.5, &[1]).is_err());
    }
}
