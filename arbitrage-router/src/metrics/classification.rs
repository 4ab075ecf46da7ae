//! Right and wrong routes at one threshold.

use super::{MetricsError, error};

/// Steps by label and route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confusion {
    /// Steps with label 0 that are accepted: right.
    pub accepted_zeros: u64,
    /// Steps with label 0 that are escalated: wasted calls.
    pub escalated_zeros: u64,
    /// Steps with label 1 that are accepted: advantage left lying.
    pub accepted_ones: u64,
    /// Steps with label 1 that are escalated: right.
    pub escalated_ones: u64,
}

/// Counts the routes of estimates at a threshold: a step is escalated iff `ŷ > tau`, as in the paper (§4.2).
///
/// # Errors
/// [`MetricsError`] for estimates that are not finite, a threshold that is NaN, and series of different length.
pub fn confusion(estimates: &[f32], labels: &[bool], tau: f32) -> Result<Confusion, MetricsError> {
    Confusion::weighted(estimates, labels, tau, &vec![1; estimates.len()])
}

impl Confusion {
    /// [`confusion`] with example `i` there `weights[i]` times.
    ///
    /// # Errors
    /// As for [`confusion`].
    pub fn weighted(estimates: &[f32], labels: &[bool], tau: f32, weights: &[u32]) -> Result<Self, MetricsError> {
        error::count("labels", estimates.len(), labels.len())?;
        error::count("weights", estimates.len(), weights.len())?;
        error::finite("estimate", estimates)?;
        if tau.is_nan() {
            let expected = "a number".to_owned();
            return Err(MetricsError::Parameter { what: "threshold", expected, found: f64::from(tau) });
        }
        let mut found = Self::default();
        for ((estimate, label), weight) in estimates.iter().zip(labels).zip(weights) {
            let count = match (label, *estimate > tau) {
                (false, false) => &mut found.accepted_zeros,
                (false, true) => &mut found.escalated_zeros,
                (true, false) => &mut found.accepted_ones,
                (true, true) => &mut found.escalated_ones,
            };
            *count += u64::from(*weight);
        }
        Ok(found)
    }

    /// Acc0: share of the steps with label 0 that are accepted (paper, App. D).
    pub fn acc0(&self) -> Option<f64> {
        share(self.accepted_zeros, self.accepted_zeros + self.escalated_zeros)
    }

    /// Acc1: share of the steps with label 1 that are escalated (paper, App. D); the recall of [`f1`](Self::f1).
    pub fn acc1(&self) -> Option<f64> {
        share(self.escalated_ones, self.accepted_ones + self.escalated_ones)
    }

    /// Share of the escalated steps that have label 1: target calls that are not wasted.
    pub fn precision(&self) -> Option<f64> {
        share(self.escalated_ones, self.escalated_ones + self.escalated_zeros)
    }

    /// Harmonic mean of [`precision`](Self::precision) and [`acc1`](Self::acc1); `None` where no step has label 1 or is
    /// escalated.
    pub fn f1(&self) -> Option<f64> {
        share(2 * self.escalated_ones, 2 * self.escalated_ones + self.escalated_zeros + self.accepted_ones)
    }

    /// Share of steps that are routed right.
    pub fn accuracy(&self) -> Option<f64> {
        share(self.accepted_zeros + self.escalated_ones, self.total())
    }

    /// Share of steps that are kept from the draft, the paper's `α`.
    pub fn acceptance(&self) -> Option<f64> {
        share(self.accepted_zeros + self.accepted_ones, self.total())
    }

    /// All steps.
    pub fn total(&self) -> u64 {
        self.accepted_zeros + self.escalated_zeros + self.accepted_ones + self.escalated_ones
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ESTIMATES: [f32; 6] = [0.1, 0.5, 0.500_001, 0.9, 0.2, 0.7];
    const LABELS: [bool; 6] = [false, false, false, true, true, true];

    #[test]
    fn shares_by_hand() {
        let found = confusion(&ESTIMATES, &LABELS, 0.5).unwrap();
        assert_eq!((found.accepted_zeros, found.escalated_zeros), (2, 1));
        assert_eq!((found.accepted_ones, found.escalated_ones), (1, 2));
        let shares = [found.acc0(), found.acc1(), found.precision(), found.f1(), found.accuracy(), found.acceptance()];
        let two_thirds = Some(2.0 / 3.0);
        assert_eq!(shares, [two_thirds, two_thirds, two_thirds, two_thirds, two_thirds, Some(0.5)]);
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
    fn what_is_not_there_has_no_share() {
        let none = confusion(&[], &[], 0.5).unwrap();
        assert_eq!([none.acc0(), none.acc1(), none.precision(), none.f1(), none.accuracy()], [None; 5]);
        let zeros = confusion(&[0.1], &[false], 0.5).unwrap();
        assert_eq!((zeros.acc0(), zeros.acc1(), zeros.f1()), (Some(1.0), None, None));
    }

    #[test]
    fn thresholds_may_be_infinite_but_not_none() {
        assert_eq!(confusion(&ESTIMATES, &LABELS, f32::INFINITY).unwrap().acceptance(), Some(1.0));
        assert_eq!(confusion(&ESTIMATES, &LABELS, f32::NEG_INFINITY).unwrap().acceptance(), Some(0.0));
        assert!(confusion(&ESTIMATES, &LABELS, f32::NAN).is_err());
        assert!(confusion(&ESTIMATES, &LABELS[1..], 0.5).is_err());
        assert!(Confusion::weighted(&ESTIMATES, &LABELS, 0.5, &[1]).is_err());
    }
}
