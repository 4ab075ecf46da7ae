//! The feed-forward part of a layer.

use burn::tensor::Tensor;

use super::experts::Experts;
use super::linear::{Linear, gated};
#[cfg(feature = "flex")]
use super::packed_feed_forward::{PackedExperts, PackedFeedForward, PackedGated};
use crate::config::Activation;

/// What follows attention in a layer.
#[expect(clippy::large_enum_variant, reason = "a model has few of them, and megabytes of weights for each")]
pub(super) enum FeedForward {
    /// One for all tokens.
    Dense(GatedFeedForward),
    /// Several, of which each token goes through a few.
    Experts(Experts),
}

/// `down(activation(gate(x)) ⊙ up(x))` (Shazeer, arXiv 2002.05202).
pub(super) struct GatedFeedForward {
    pub gate: Linear,
    pub up: Linear,
    pub activation: Activation,
    pub down: Linear,
}

impl FeedForward {
    /// `[rows, hidden]` → `[rows, hidden]` by burn's operations.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Dense(dense) => dense.forward(x),
            Self::Experts(experts) => experts.forward(x),
        }
    }

    /// Bytes of the matrices that a token reads.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.bytes(),
            Self::Experts(experts) => experts.bytes(),
        }
    }

    /// The matrix that a file calls `part`, after `mlp.`.
    #[cfg(feature = "flex")]
    pub(super) fn matrix(&self, part: &str) -> Option<&Linear> {
        match self {
            Self::Dense(dense) => dense.matrix(part),
            Self::Experts(experts) => experts.matrix(part),
        }
    }

    /// As the processor's kernels take it, if it is in this form.
    #[cfg(feature = "flex")]
    pub(super) fn packed(&self) -> Option<PackedFeedForward<'_>> {
        Some(match self {
            Self::Dense(dense) => PackedFeedForward::Dense(dense.packed()?),
            Self::Experts(experts) => PackedFeedForward::Experts(PackedExperts::new(experts)?),
        })
    }
}

impl GatedFeedForward {
    /// `[rows, hidden]` → `[rows, hidden]` by burn's operations.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.down.forward(gated(self.activation, x, &self.gate, &self.up))
    }

    pub(super) fn bytes(&self) -> usize {
        [&self.gate, &self.up, &self.down].into_iter().map(Linear::bytes).sum()
    }

    #[cfg(feature = "flex")]
    pub(super) fn matrix(&self, part: &str) -> Option<&Linear> {
        match part {
            "gate_proj" => Some(&self.gate),
            "up_proj" => Some(&self.up),
            "down_proj" => Some(&self.down),
            _ => None,
        }
    }

    #[cfg(feature = "flex")]
    pub(super) fn packed(&self) -> Option<PackedGated<'_>> {
        Some(PackedGated {
            gate_up: [self.gate.packed()?, self.up.packed()?],
            activation: self.activation,
            down: self.down.packed()?,
        })
    }
}
