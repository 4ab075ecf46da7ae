//! The output of a router's network: training targets for an advantage, and the estimate from the outputs.

use serde::{Deserialize, Serialize};

use crate::labels::{Classes, LabelError, class_probabilities, ordinal_targets};

/// Classes of the advantage `Δ`, and how the outputs of a head encode them (paper, App. D).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputHead {
    /// The classes, in ascending order of `Δ`.
    pub classes: Classes,
    /// Whether output `k` is the logit of "a class above `k`" (ordinal regression, one output less than classes).
    /// Otherwise the outputs are the logits of the classes.
    #[serde(default)]
    pub ordinal: bool,
}

impl OutputHead {
    /// Two classes, `Δ ≤ 0` and `Δ > 0`: the paper's default.
    pub fn binary() -> Self {
        Self { classes: Classes::binary(), ordinal: false }
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.classes.count() - usize::from(self.ordinal)
    }

    /// The training targets for a step of this advantage: one probability per output.
    pub fn targets(&self, advantage: f32) -> Vec<f32> {
        let (class, count) = (self.classes.class(advantage), self.classes.count());
        if self.ordinal {
            return ordinal_targets(class, count);
        }
        (0..count).map(|other| f32::from(u8::from(other == class))).collect()
    }

    /// The estimate ŷ of `P(Δ > 0)`, in [0, 1], from the outputs before sigmoid or softmax.
    ///
    /// # Errors
    /// [`LabelError`] for outputs that are not finite, or of another number than [`outputs`](Self::outputs).
    pub fn estimate(&self, outputs: &[f32]) -> Result<f32, LabelError> {
        if let Some(index) = outputs.iter().position(|output| !output.is_finite()) {
            return Err(LabelError::parameter(
                format!("output {index} of the head"),
                "a finite number",
                outputs[index],
            ));
        }
        if self.ordinal {
            let above: Vec<f32> = outputs.iter().copied().map(sigmoid).collect();
            return self.classes.probability(&class_probabilities(&above)?);
        }
        self.classes.probability(&softmax(outputs))
    }
}

pub(super) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - max).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantiles(ordinal: bool) -> OutputHead {
        let advantages = [-0.75, -0.5, -0.25, -0.125, 0.125, 0.25, 0.5, 0.75];
        OutputHead { classes: Classes::quantiles(&advantages, 4).unwrap(), ordinal }
    }

    /// A head that outputs its training targets gives ŷ = 1 for positive advantages and ŷ = 0 for negative ones.
    #[test]
    fn targets_give_the_estimate_back() {
        for head in [OutputHead::binary(), quantiles(false), quantiles(true)] {
            for advantage in [-0.6f32, -0.2, 0.2, 0.6] {
                let targets = head.targets(advantage);
                assert_eq!(targets.len(), head.outputs());
                let logits: Vec<f32> = targets.iter().map(|p| 40.0 * (p - 0.5)).collect();
                let estimate = head.estimate(&logits).unwrap();
                assert!((estimate - f32::from(u8::from(advantage > 0.0))).abs() < 1e-6, "{advantage}: {estimate}");
            }
        }
    }

    #[test]
    fn invalid_outputs_are_rejected() {
        for outputs in [&[f32::NAN, 0.0][..], &[f32::INFINITY, 0.0], &[0.0], &[0.0, 0.0, 0.0]] {
            assert!(OutputHead::binary().estimate(outputs).is_err(), "{outputs:?}");
        }
        assert_eq!(OutputHead::binary().estimate(&[-1e30, 1e30]).unwrap(), 1.0);
    }
}
