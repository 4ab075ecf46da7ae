//! The calibration of an estimate before it is compared with τ.

use serde::{Deserialize, Serialize};

use super::{Isotonic, Platt};

/// Maps raw estimates to probabilities. Calibration is monotone, so it moves thresholds but does not improve a ranking;
/// only a [`Platt`] calibration that was fitted to anti-correlated estimates reverses their order. Parameters are
/// validated when they are deserialised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Calibrator {
    /// No calibration: estimates are used unchanged.
    #[default]
    None,
    /// A logistic curve, whose two parameters need few examples.
    Platt(Platt),
    /// A monotone step function of any shape, for a thousand examples or more. It maps ranges of estimates to the same
    /// value, which no threshold can tell apart.
    Isotonic(Isotonic),
}

impl Calibrator {
    /// The calibrated estimate, in [0, 1] unless it is uncalibrated. NaN stays NaN, which the engine reports as a
    /// failure of the router.
    pub fn apply(&self, estimate: f32) -> f32 {
        match self {
            Self::None => estimate,
            Self::Platt(platt) => platt.apply(estimate),
            Self::Isotonic(isotonic) => isotonic.apply(estimate),
        }
    }
}

impl From<Platt> for Calibrator {
    fn from(platt: Platt) -> Self {
        Self::Platt(platt)
    }
}

impl From<Isotonic> for Calibrator {
    fn from(isotonic: Isotonic) -> Self {
        Self::Isotonic(isotonic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::PlattInput;
    use crate::metrics::{auc, brier};
    use arbitrage_core::Draw;

    /// Estimates whose true probability is their square.
    fn skewed(count: usize, seed: u64) -> (Vec<f32>, Vec<bool>) {
        let mut draw = Draw::new(seed);
        let mut example = |_| {
            let estimate = draw.uniform();
            (estimate as f32, draw.uniform() < estimate * estimate)
        };
        (0..count).map(&mut example).unzip()
    }

    fn calibrators() -> Vec<Calibrator> {
        let (estimates, labels) = skewed(4_000, 1);
        vec![
            Calibrator::None,
            Platt::fit(&estimates, &labels, PlattInput::Logit).unwrap().into(),
            Platt::fit(&estimates, &labels, PlattInput::Raw).unwrap().into(),
            Isotonic::fit(&estimates, &labels).unwrap().into(),
        ]
    }

    #[test]
    fn calibration_lowers_the_brier_score_and_keeps_the_order() {
        let (estimates, labels) = skewed(4_000, 2);
        let raw = brier(&estimates, &labels).unwrap().unwrap();
        let order = auc(&estimates, &labels).unwrap().unwrap();
        for calibrator in &calibrators()[1..] {
            let calibrated: Vec<f32> = estimates.iter().map(|estimate| calibrator.apply(*estimate)).collect();
            assert!(brier(&calibrated, &labels).unwrap().unwrap() < raw - 0.01);
            assert!((auc(&calibrated, &labels).unwrap().unwrap() - order).abs() < 0.01);
        }
    }

    #[test]
    fn serialisation_round_trips() {
        for calibrator in calibrators() {
            let text = serde_json::to_string(&calibrator).unwrap();
            let read: Calibrator = serde_json::from_str(&text).unwrap();
            let close = |x: f32| (read.apply(x) - calibrator.apply(x)).abs() < 1e-6;
            assert!([0.0, 0.1, 0.5, 0.77, 1.0].into_iter().all(close), "{text}");
        }
        assert_eq!(serde_json::to_string(&Calibrator::None).unwrap(), "\"none\"");
    }

    #[test]
    fn nan_stays_nan() {
        assert!(calibrators().iter().all(|calibrator| calibrator.apply(f32::NAN).is_nan()));
    }
}
