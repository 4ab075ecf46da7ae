//! Grouped-query attention (Ainslie et al., arXiv 2305.13245) over the caches of several sequences.

use burn::tensor::Tensor;

#[cfg(feature = "flex")]
use super::fused;
use super::linear::Linear;
use super::pass::{AttentionBackend, Pass};

/// The attention part of a layer.
pub(super) struct Attention {
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub output: Linear,
}

impl Attention {
    /// `[rows, hidden]` → `[rows, hidden]`, each row attending to its own sequence up to itself.
    pub(super) fn forward(&self, x: Tensor<2>, layer: usize, pass: &mut Pass<'_, '_>) -> Tensor<2> {
        let attended = match &mut pass.attention {
            #[cfg(feature = "flex")]
            AttentionBackend::Fused(batch) => fused::attend(self.project(x), layer, batch.clone()),
            AttentionBackend::Plain(plain) => {
                let qkv = [&self.query, &self.key, &self.value].map(|linear| linear.forward(x.clone()));
                plain.attend(qkv, layer)
            }
        };
        self.output.forward(attended)
    }

    /// Queries, keys and values side by side, `[rows, (heads + 2 · kv_heads) · head_dim]`.
    #[cfg(feature = "flex")]
    fn project(&self, x: Tensor<2>) -> Tensor<2> {
        use std::sync::Arc;
        match [&self.query, &self.key, &self.value] {
            [Linear::Packed(q), Linear::Packed(k), Linear::Packed(v)] => {
                fused::project(x, [q, k, v].map(Arc::clone).into())
            }
            plain => Tensor::cat(plain.map(|linear| linear.forward(x.clone())).into(), 1),
        }
    }
}
