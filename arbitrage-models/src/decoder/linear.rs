//! Linear layers, with plain or with packed weights.

#[cfg(feature = "flex")]
use std::sync::Arc;

use burn::tensor::{FloatDType, Tensor, activation};

#[cfg(feature = "flex")]
use super::fused::{self, PackedLinear};
use crate::config::Activation;

/// `y = x · Wᵀ + b`.
#[cfg_attr(
    feature = "flex",
    expect(clippy::large_enum_variant, reason = "a model has few of them, and megabytes of weights for each")
)]
pub(super) enum Linear {
    /// Weight `[in, out]` and bias `[out]` as burn tensors.
    Plain {
        /// `[in, out]`, f32 or half precision, in which the product then is.
        weight: Tensor<2>,
        /// `[out]`.
        bias: Option<Tensor<1>>,
    },
    /// Weight in its file's own precision, packed for the processor's kernels.
    #[cfg(feature = "flex")]
    Packed(Arc<PackedLinear>),
}

impl Linear {
    /// Bytes of the matrix.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Plain { weight, .. } => weight.dtype().size() * weight.shape().num_elements(),
            #[cfg(feature = "flex")]
            Self::Packed(weight) => weight.bytes(),
        }
    }

    /// The packed weights, if they are packed.
    #[cfg(feature = "flex")]
    pub(super) fn packed(&self) -> Option<&PackedLinear> {
        match self {
            Self::Plain { .. } => None,
            Self::Packed(weight) => Some(weight),
        }
    }

    /// `[rows, in]` → `[rows, out]`, f32.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Plain { weight, bias } => {
                let y = x.cast(weight.dtype()).matmul(weight.clone()).cast(FloatDType::F32);
                match bias {
                    Some(bias) => y + bias.clone().unsqueeze(),
                    None => y,
                }
            }
            #[cfg(feature = "flex")]
            Self::Packed(weight) => fused::linear(x, weight.clone()),
        }
    }
}

/// The inner half of a gated feed-forward part, `activation(x · Gᵀ) ⊙ (x · Uᵀ)` (Shazeer, arXiv 2002.05202).
pub(super) fn gated(activation: Activation, x: Tensor<2>, gate: &Linear, up: &Linear) -> Tensor<2> {
    let gate = gate.forward(x.clone());
    let activated = match activation {
        Activation::Silu => activation::silu(gate),
        Activation::GeluTanh => activation::gelu_approximate(gate),
    };
    activated * up.forward(x)
}
