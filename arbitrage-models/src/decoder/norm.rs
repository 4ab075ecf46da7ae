//! RMSNorm (Zhang & Sennrich, arXiv 1910.07467).

#[cfg(feature = "flex")]
use std::sync::Arc;

use burn::tensor::Tensor;

/// `x / sqrt(mean(x²) + ε) · w`, a row at a time.
pub(super) struct RmsNorm {
    weight: NormWeight,
    epsilon: f32,
}

#[cfg_attr(
    feature = "flex",
    expect(clippy::large_enum_variant, reason = "a model has few of them, and megabytes of weights for each")
)]
enum NormWeight {
    Plain(Tensor<1>),
    #[cfg(feature = "flex")]
    Fused(Arc<[f32]>),
}

impl RmsNorm {
    /// For plain operations.
    pub(super) fn plain(weight: Tensor<1>, epsilon: f32) -> Self {
        Self { weight: NormWeight::Plain(weight), epsilon }
    }

    /// For the fused operation.
    #[cfg(feature = "flex")]
    pub(super) fn fused(weight: Vec<f32>, epsilon: f32) -> Self {
        Self { weight: NormWeight::Fused(weight.into()), epsilon }
    }

    /// `[rows, hidden]` → `[rows, hidden]`.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.weight {
            NormWeight::Plain(weight) => {
                let mean = x.clone().square().mean_dim(1);
                x / (mean + self.epsilon).sqrt() * weight.clone().unsqueeze()
            }
            #[cfg(feature = "flex")]
            NormWeight::Fused(weight) => super::fused::rms_norm(x, weight.clone(), self.epsilon),
        }
    }
}
