//! What is done to an estimate before it is compared with τ.

use serde::{Deserialize, Serialize};

use super::{Isotonic, Platt};

/// Makes raw estimates probabilities. It never turns the order of two estimates around (unless [`Platt`] was fitted on
/// estimates that are worse than none), so it moves thresholds and improves no ranking. Files are checked as they are
/// read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Calibrator {
    /// Estimates stay as they are.
    #[default]
    None,
    /// A logistic curve: two numbers, for few examples.
    Platt(Platt),
    /// A monotone step function: any shape, for a thousand examples or more. It makes ties, between which no threshold
    /// falls.
    Isotonic(Isotonic),
}

impl Calibrator {
    /// The calibrated estimate. NaN stays NaN, which the engine takes for the router's failure.
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
    use crate::calibrate::Input;
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
            Platt::fit(&estimates, &labels, Input::Logit).unwrap().into(),
            Platt::fit(&estimates, &labels, Input::Raw).unwrap().into(),
            Isotonic::fit(&estimates, &labels).unwrap().into(),
        ]
    }

    #[test]
    fn calibration_makes_estimates_truer_and_keeps_their_order() {
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
    fn text_and_back() {
        for calibrator in calibrators() {
            let text = serde_json::to_string(&calibrator).unwrap();
            let read: Calibrator = serde_json::from_str(&text).unwrap();
            let close = |at: f32| (read.apply(at) - calibrator.apply(at)).abs() < 1e-6;
            assert!([0.0, 0.1, 0.5, 0.77, 1.0].into_iter().all(close), "{text}");
        }
        assert_eq!(serde_json::to_string(&Calibrator::None).unwrap(), "\"none\"");
    }

    #[test]
    fn what_is_no_number_stays_none() {
        assert!(calibrators().iter().all(|calibrator| calibrator.apply(f32::NAN).is_nan()));
    }
}
