//! RMSNorm (Zhang & Sennrich, arXiv 1910.07467).

#[cfg(feature = "flex")]
use std::sync::Arc;

use burn::tensor::Tensor;

/// `x / sqrt(mean(x²) + ε) · w`, a row at a time.
pub(super) struct RmsNorm {
    weight: Weight,
    epsilon: f32,
}

#[allow(clippy::large_enum_variant, reason = "there are few of them, each beside megabytes of weights")]
enum Weight {
    Plain(Tensor<1>),
    #[cfg(feature = "flex")]
    Fused(Arc<[f32]>),
}

impl RmsNorm {
    /// For plain operations.
    pub fn plain(weight: Tensor<1>, epsilon: f32) -> Self {
        Self { weight: Weight::Plain(weight), epsilon }
    }

    /// For the fused operation.
    #[cfg(feature = "flex")]
    pub fn fused(weight: Vec<f32>, epsilon: f32) -> Self {
        Self { weight: Weight::Fused(weight.into()), epsilon }
    }

    /// `[rows, hidden]` → `[rows, hidden]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.weight {
            Weight::Plain(weight) => {
                let mean = x.clone().square().mean_dim(1);
                x / (mean + self.epsilon).sqrt() * weight.clone().unsqueeze()
            }
            #[cfg(feature = "flex")]
            Weight::Fused(weight) => super::fused::rms_norm(x, weight.clone(), self.epsilon),
        }
    }
}
