//! Grouped-query attention (Ainslie et al., arXiv 2305.13245) over the caches of several sequences, by burn's operations.

use burn::tensor::Tensor;

use super::batched_attention::BatchedAttention;
use super::linear::Linear;
use super::norm::RmsNorm;

/// The attention part of a layer.
pub(super) struct Attention {
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub output: Linear,
    /// Norms of each query head and of each key head, before they are rotated, in families that have them.
    pub head_norms: Option<[RmsNorm; 2]>,
}

impl Attention {
    /// `[rows, hidden]` → `[rows, hidden]`, each row attending to its own sequence up to itself.
    pub(super) fn forward(&self, x: Tensor<2>, layer: usize, batch: &BatchedAttention) -> Tensor<2> {
        let [mut query, mut key, value] = [&self.query, &self.key, &self.value].map(|linear| linear.forward(x.clone()));
        if let Some([query_norm, key_norm]) = &self.head_norms {
            query = query_norm.forward_heads(query);
            key = key_norm.forward_heads(key);
        }
        self.output.forward(batch.attend([query, key, value], layer))
    }
}
