//! One transformer layer.

use burn::tensor::Tensor;

use super::attention::Attention;
use super::linear::{Linear, gated};
use super::norm::RmsNorm;
use super::pass::Pass;

/// Attention and feed-forward, each behind a norm and added to the residual stream.
pub(super) struct DecoderLayer {
    pub attention_norm: RmsNorm,
    pub attention: Attention,
    pub feed_forward_norm: RmsNorm,
    pub gate: Linear,
    pub up: Linear,
    pub down: Linear,
}

impl DecoderLayer {
    /// The matrix that a file calls `part`, after the layer's number.
    #[cfg(feature = "flex")]
    pub(super) fn matrix(&self, part: &str) -> Option<&Linear> {
        let Attention { query, key, value, output } = &self.attention;
        Some(match part {
            "self_attn.q_proj" => query,
            "self_attn.k_proj" => key,
            "self_attn.v_proj" => value,
            "self_attn.o_proj" => output,
            "mlp.gate_proj" => &self.gate,
            "mlp.up_proj" => &self.up,
            "mlp.down_proj" => &self.down,
            _ => return None,
        })
    }

    /// Bytes of its matrices.
    pub(super) fn bytes(&self) -> usize {
        let Attention { query, key, value, output } = &self.attention;
        [query, key, value, output, &self.gate, &self.up, &self.down].into_iter().map(Linear::bytes).sum()
    }

    /// `[rows, hidden]` → `[rows, hidden]`; appends the rows' keys and values to the pass's caches.
    pub(super) fn forward(&self, x: Tensor<2>, index: usize, pass: &mut Pass<'_, '_>) -> Tensor<2> {
        let attended = self.attention.forward(self.attention_norm.forward(x.clone()), index, pass);
        let x = x + attended;
        let fed = self.down.forward(gated(self.feed_forward_norm.forward(x.clone()), &self.gate, &self.up));
        x + fed
    }
}
