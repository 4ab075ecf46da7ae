//! One transformer layer.

use burn::tensor::Tensor;

use super::attention::Attention;
use super::batched_attention::BatchedAttention;
use super::feed_forward::FeedForward;
use super::linear::Linear;
#[cfg(feature = "flex")]
use super::norm::PackedNorm;
use super::norm::RmsNorm;
#[cfg(feature = "flex")]
use super::packed_pass::PackedLayer;

/// Attention and feed-forward, each behind a norm and added to the residual stream.
pub(super) struct DecoderLayer {
    pub attention_norm: RmsNorm,
    pub attention: Attention,
    /// Norms of what attention and the feed-forward part give, in families that have them.
    pub post_norms: Option<[RmsNorm; 2]>,
    pub feed_forward_norm: RmsNorm,
    pub feed_forward: FeedForward,
}

impl DecoderLayer {
    /// The matrix that a file calls `part`, after the layer's number.
    #[cfg(feature = "flex")]
    pub(super) fn matrix(&self, part: &str) -> Option<&Linear> {
        let Attention { query, key, value, output, .. } = &self.attention;
        Some(match part {
            "self_attn.q_proj" => query,
            "self_attn.k_proj" => key,
            "self_attn.v_proj" => value,
            "self_attn.o_proj" => output,
            _ => return self.feed_forward.matrix(part.strip_prefix("mlp.")?),
        })
    }

    /// Bytes of the matrices that a token reads.
    pub(super) fn bytes(&self) -> usize {
        let Attention { query, key, value, output, .. } = &self.attention;
        let attention: usize = [query, key, value, output].into_iter().map(Linear::bytes).sum();
        attention + self.feed_forward.bytes()
    }

    /// The layer as the processor's kernels take it, if it is in this form.
    #[cfg(feature = "flex")]
    pub(super) fn packed(&self) -> Option<PackedLayer<'_>> {
        let Attention { query, key, value, output, head_norms } = &self.attention;
        Some(PackedLayer {
            attention_norm: self.attention_norm.packed()?,
            qkv: [query.packed()?, key.packed()?, value.packed()?],
            head_norms: packed_norms(head_norms.as_ref())?,
            output: output.packed()?,
            post_norms: packed_norms(self.post_norms.as_ref())?,
            feed_forward_norm: self.feed_forward_norm.packed()?,
            feed_forward: self.feed_forward.packed()?,
        })
    }

    /// `[rows, hidden]` → `[rows, hidden]` by burn's operations; appends the rows' keys and values to the caches of `batch`.
    pub(super) fn forward(&self, x: Tensor<2>, index: usize, batch: &BatchedAttention) -> Tensor<2> {
        let attended = self.attention.forward(self.attention_norm.forward(x.clone()), index, batch);
        let x = x + self.post_normed(0, attended);
        let fed = self.feed_forward.forward(self.feed_forward_norm.forward(x.clone()));
        x + self.post_normed(1, fed)
    }

    /// What attention (0) or the feed-forward part (1) gives, after its norm where it has one.
    fn post_normed(&self, part: usize, change: Tensor<2>) -> Tensor<2> {
        match &self.post_norms {
            Some(norms) => norms[part].forward(change),
            None => change,
        }
    }
}

/// The kernel's form of two norms: none where there are none, `None` where they are not in it.
#[cfg(feature = "flex")]
fn packed_norms(norms: Option<&[RmsNorm; 2]>) -> Option<Option<[&PackedNorm; 2]>> {
    match norms {
        Some([first, second]) => Some(Some([first.packed()?, second.packed()?])),
        None => Some(None),
    }
}
