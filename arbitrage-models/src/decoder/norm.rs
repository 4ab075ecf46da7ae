//! RMSNorm (Zhang & Sennrich, arXiv 1910.07467).

use burn::tensor::Tensor;
#[cfg(feature = "flex")]
use burn::tensor::TensorData;

#[cfg(feature = "flex")]
use super::values;
#[cfg(feature = "flex")]
use crate::kernels::{InstructionSet, Pool, rms_norm};
#[cfg(feature = "flex")]
use crate::profile::{Part, measure};

/// `x / sqrt(mean(x²) + ε) · w`, a row at a time.
#[cfg_attr(
    feature = "flex",
    expect(clippy::large_enum_variant, reason = "a model has few of them, and megabytes of weights for each")
)]
pub(super) enum RmsNorm {
    /// By burn's operations.
    Plain { weight: Tensor<1>, epsilon: f32 },
    /// By the processor's kernel.
    #[cfg(feature = "flex")]
    Packed(PackedNorm),
}

/// The norm beside packed layers.
#[cfg(feature = "flex")]
pub(super) struct PackedNorm {
    weight: Vec<f32>,
    epsilon: f32,
}

impl RmsNorm {
    /// For plain operations.
    pub(super) fn plain(weight: Tensor<1>, epsilon: f32) -> Self {
        Self::Plain { weight, epsilon }
    }

    /// For the processor's kernel.
    #[cfg(feature = "flex")]
    pub(super) fn fused(weight: Vec<f32>, epsilon: f32) -> Self {
        Self::Packed(PackedNorm { weight, epsilon })
    }

    /// The kernel's form, if it is in this form.
    #[cfg(feature = "flex")]
    pub(super) fn packed(&self) -> Option<&PackedNorm> {
        match self {
            Self::Plain { .. } => None,
            Self::Packed(norm) => Some(norm),
        }
    }

    /// `[rows, hidden]` → `[rows, hidden]`.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Plain { weight, epsilon } => {
                let mean = x.clone().square().mean_dim(1);
                x / (mean + *epsilon).sqrt() * weight.clone().unsqueeze()
            }
            #[cfg(feature = "flex")]
            Self::Packed(norm) => {
                let (shape, device, mut out) = (x.dims(), x.device(), Vec::new());
                norm.forward(&values(x), &mut out);
                Tensor::from_data(TensorData::new(out, shape), &device)
            }
        }
    }
}

#[cfg(feature = "flex")]
impl PackedNorm {
    /// The norm of each row of `x`, `[rows, hidden]`, which replaces what `out` holds.
    pub(super) fn forward(&self, x: &[f32], out: &mut Vec<f32>) {
        out.resize(x.len(), 0.0);
        measure(Part::Norms, || {
            rms_norm(InstructionSet::best(), Pool::global(), x, &self.weight, self.epsilon, out);
        });
    }
}
