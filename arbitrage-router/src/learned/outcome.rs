//! From the advantage to what a head is taught, and from what a head says to one estimate.

use serde::{Deserialize, Serialize};

use crate::labels::{Classes, LabelError, class_probabilities, ordinal_targets};

/// Classes of the advantage, and how a head speaks of them (paper, App. D).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The classes.
    pub classes: Classes,
    /// Whether the head answers "higher than class k?" for each k, instead of giving each class a probability.
    #[serde(default)]
    pub ordinal: bool,
}

impl Outcome {
    /// Two classes, `Δ ≤ 0` and `Δ > 0`: the paper's default.
    pub fn binary() -> Self {
        Self { classes: Classes::binary(), ordinal: false }
    }

    /// Outputs of the head.
    pub fn outputs(&self) -> usize {
        self.classes.count() - usize::from(self.ordinal)
    }

    /// What the head should say of an advantage, a probability an output.
    pub fn answer(&self, advantage: f32) -> Vec<f32> {
        let (class, count) = (self.classes.class(advantage), self.classes.count());
        if self.ordinal {
            return ordinal_targets(class, count);
        }
        (0..count).map(|other| f32::from(u8::from(other == class))).collect()
    }

    /// The estimate ŷ of `P(Δ > 0)`, in [0, 1], from the head's outputs before sigmoid or softmax.
    ///
    /// # Errors
    /// [`LabelError`] for outputs that are no numbers, or too few.
    pub fn estimate(&self, outputs: &[f32]) -> Result<f32, LabelError> {
        if let Some(at) = outputs.iter().position(|output| !output.is_finite()) {
            return Err(LabelError::parameter(format!("output {at} of the head"), "a finite number", outputs[at]));
        }
        if self.ordinal {
            let above: Vec<f32> = outputs.iter().map(|output| 1.0 / (1.0 + (-output).exp())).collect();
            return self.classes.probability(&class_probabilities(&above)?);
        }
        self.classes.probability(&softmax(outputs))
    }
}

fn softmax(outputs: &[f32]) -> Vec<f32> {
    let greatest = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = outputs.iter().map(|output| (output - greatest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantiles(ordinal: bool) -> Outcome {
        let advantages = [-0.75, -0.5, -0.25, -0.125, 0.125, 0.25, 0.5, 0.75];
        Outcome { classes: Classes::quantiles(&advantages, 4).unwrap(), ordinal }
    }

    /// A head that says what it was taught is believed: ŷ is 1 above 0 and 0 below.
    #[test]
    fn what_is_taught_is_what_is_read() {
        for outcome in [Outcome::binary(), quantiles(false), quantiles(true)] {
            for advantage in [-0.6f32, -0.2, 0.2, 0.6] {
                let answer = outcome.answer(advantage);
                assert_eq!(answer.len(), outcome.outputs());
                let logits: Vec<f32> = answer.iter().map(|p| 40.0 * (p - 0.5)).collect();
                let estimate = outcome.estimate(&logits).unwrap();
                assert!((estimate - f32::from(u8::from(advantage > 0.0))).abs() < 1e-6, "{advantage}: {estimate}");
            }
        }
    }

    #[test]
    fn outputs_that_are_none_are_refused() {
        for outputs in [&[f32::NAN, 0.0][..], &[f32::INFINITY, 0.0], &[0.0], &[0.0, 0.0, 0.0]] {
            assert!(Outcome::binary().estimate(outputs).is_err(), "{outputs:?}");
        }
        assert_eq!(Outcome::binary().estimate(&[-1e30, 1e30]).unwrap(), 1.0);
    }
}
