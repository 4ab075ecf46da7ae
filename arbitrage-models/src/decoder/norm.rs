//! RMSNorm (Zhang & Sennrich, arXiv 1910.07467).

use burn::tensor::Tensor;
#[cfg(feature = "flex")]
use burn::tensor::TensorData;

#[cfg(feature = "flex")]
use super::values;
#[cfg(feature = "flex")]
use crate::kernels::{InstructionSet, Pool, rms_norm, rms_norm_columns};
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

    /// Width of a row.
    fn width(&self) -> usize {
        match self {
            Self::Plain { weight, .. } => weight.dims()[0],
            #[cfg(feature = "flex")]
            Self::Packed(norm) => norm.weight.len(),
        }
    }

    /// The norm of each head: `[rows, heads · head_dim]` → the same.
    pub(super) fn forward_heads(&self, x: Tensor<2>) -> Tensor<2> {
        let ([rows, width], head_dim) = (x.dims(), self.width());
        self.forward(x.reshape([rows * width / head_dim, head_dim])).reshape([rows, width])
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
    /// The norm of each of `heads` heads that lie from column `at` on in each row of `x`, `[rows, stride]`, in place.
    pub(super) fn forward_heads(&self, x: &mut [f32], stride: usize, at: usize, heads: usize) {
        let columns = at..at + heads * self.weight.len();
        measure(Part::Norms, || {
            rms_norm_columns(InstructionSet::best(), Pool::global(), x, stride, columns, &self.weight, self.epsilon);
        });
    }

    /// The norm of each row of `x`, `[rows, hidden]`, in place.
    pub(super) fn forward_in_place(&self, x: &mut [f32]) {
        let width = self.weight.len();
        self.forward_heads(x, width, 0, 1);
    }

    /// The norm of each row of `x`, `[rows, hidden]`, which replaces what `out` holds.
    pub(super) fn forward(&self, x: &[f32], out: &mut Vec<f32>) {
        out.resize(x.len(), 0.0);
        measure(Part::Norms, || {
            rms_norm(InstructionSet::best(), Pool::global(), x, &self.weight, self.epsilon, out);
        });
    }
}
