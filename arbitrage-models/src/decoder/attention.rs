//! Grouped-query attention (Ainslie et al., arXiv 2305.13245) over the caches of several sequences, by burn's operations.

use burn::tensor::Tensor;

use super::batched_attention::BatchedAttention;
use super::linear::Linear;

/// The attention part of a layer.
pub(super) struct Attention {
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub output: Linear,
}

impl Attention {
    /// `[rows, hidden]` → `[rows, hidden]`, each row attending to its own sequence up to itself.
    pub(super) fn forward(&self, x: Tensor<2>, layer: usize, batch: &BatchedAttention) -> Tensor<2> {
        let qkv = [&self.query, &self.key, &self.value].map(|linear| linear.forward(x.clone()));
        self.output.forward(batch.attend(qkv, layer))
    }
}
