//! A pass through packed layers: everything between the embedding and the final norm, on slices that passes reuse.
//!
//! A small model's layer takes a few microseconds. As burn operations its parts would take longer to start and to allocate for than to
//! compute, so the whole pass is one loop over kernels.

use std::sync::{Mutex, PoisonError};

use super::backbone::Backbone;
use super::fused::{AttentionBatch, OutputLayout, PackedLinear, lock, products};
use super::norm::PackedNorm;
use super::packed_feed_forward::{FeedForwardBuffers, PackedFeedForward};
use crate::error::Result;
use crate::kernels::{InstructionSet, KvCache, Pool, add, attend};
use crate::profile::{Part, measure};

/// Buffers of passes with more rows are given back to the system: those of a long prompt take tens of megabytes.
const MAX_KEPT_ROWS: usize = 64;

/// A layer as the kernels take it.
pub(super) struct PackedLayer<'a> {
    pub attention_norm: &'a PackedNorm,
    /// Queries, keys and values.
    pub qkv: [&'a PackedLinear; 3],
    /// Norms of each query head and each key head.
    pub head_norms: Option<[&'a PackedNorm; 2]>,
    pub output: &'a PackedLinear,
    /// Norms of what attention and the feed-forward part give.
    pub post_norms: Option<[&'a PackedNorm; 2]>,
    pub feed_forward_norm: &'a PackedNorm,
    pub feed_forward: PackedFeedForward<'a>,
}

/// What a pass computes on its way, kept for the next pass of the same model.
#[derive(Default)]
pub(super) struct PassBuffers(Mutex<Buffers>);

#[derive(Default)]
struct Buffers {
    /// The residual stream, `[rows, hidden]`.
    x: Vec<f32>,
    /// What a product takes in, `[rows, hidden]`.
    normed: Vec<f32>,
    /// Queries, keys and values, `[rows, (query + 2 · kv) · dim]`.
    qkv: Vec<f32>,
    /// What attention gives, `[rows, query · dim]`.
    attended: Vec<f32>,
    feed_forward: FeedForwardBuffers,
    /// What is added to the residual stream, `[rows, hidden]`.
    change: Vec<f32>,
}

impl PassBuffers {
    /// The buffers, or new ones while another thread has them.
    fn take(&self) -> Buffers {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put_back(&self, buffers: Buffers) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = buffers;
    }
}

/// The sequences' caches, and how many rows each has in the pass.
type CacheRows<'a> = [(&'a mut KvCache, usize)];

impl Backbone {
    /// Runs the tokens `ids` of all sequences of `batch` through all layers, and gives the states of the rows `wanted` after the final
    /// norm, `[wanted, hidden]`. With `check`, every layer's output is looked through for numbers that are not finite.
    ///
    /// # Errors
    /// Errors of the embedding's file; [`Error::NotFinite`](crate::Error::NotFinite), naming the layer.
    pub(super) fn packed_states(
        &self,
        ids: &[u32],
        wanted: &[usize],
        batch: &AttentionBatch,
        check: bool,
    ) -> Result<Vec<f32>> {
        let mut buffers = self.buffers.take();
        measure(Part::Embedding, || self.embedding.decode(ids, &mut buffers.x))?;
        scale(&mut buffers.x, self.config.embedding_scale());
        let mut guards: Vec<_> = batch.caches.iter().map(|cache| lock(cache)).collect();
        let mut caches: Vec<_> = guards.iter_mut().map(|guard| &mut **guard).zip(batch.rows.iter().copied()).collect();
        // The loader gives all layers of a model one form, so that none is left out here.
        for (index, layer) in self.layers.iter().filter_map(|layer| layer.packed()).enumerate() {
            layer.forward(index, batch, &mut caches, &mut buffers);
            if check {
                self.check_finite(&buffers.x, || format!("layer {index}"))?;
            }
        }
        let states = self.wanted_states(wanted, &mut buffers);
        if ids.len() <= MAX_KEPT_ROWS {
            self.buffers.put_back(buffers);
        }
        Ok(states)
    }

    /// The final norm of some rows.
    fn wanted_states(&self, wanted: &[usize], buffers: &mut Buffers) -> Vec<f32> {
        let (hidden, mut states) = (self.config.hidden, Vec::new());
        let Some(norm) = self.norm.packed() else { return states };
        buffers.normed.clear();
        for &row in wanted {
            buffers.normed.extend_from_slice(&buffers.x[row * hidden..][..hidden]);
        }
        norm.forward(&buffers.normed, &mut states);
        states
    }
}

impl PackedLayer<'_> {
    /// Adds the layer's attention and feed-forward part to the residual stream; appends the rows' keys and values to `caches`.
    fn forward(&self, index: usize, batch: &AttentionBatch, caches: &mut CacheRows<'_>, buffers: &mut Buffers) {
        let Buffers { x, normed, qkv, attended, feed_forward, change } = buffers;
        let (set, heads) = (InstructionSet::best(), batch.heads);
        self.attention_norm.forward(x, normed);
        let rows = products(Part::Qkv, normed, self.qkv, OutputLayout::SideBySide, qkv);
        if let Some([query, key]) = self.head_norms {
            query.forward_heads(qkv, heads.row(), 0, heads.query);
            key.forward_heads(qkv, heads.row(), heads.query * heads.dim, heads.kv);
        }
        attended.resize(rows * heads.query * heads.dim, 0.0);
        measure(Part::Attention, || {
            attend(set, Pool::global(), qkv, heads, batch.layer(index), caches, attended);
        });
        products(Part::AttentionOutput, attended, [self.output], OutputLayout::SideBySide, change);
        self.add_change(0, x, change);

        self.feed_forward_norm.forward(x, normed);
        self.feed_forward.forward(normed, feed_forward, change);
        self.add_change(1, x, change);
    }

    /// Adds what attention (0) or the feed-forward part (1) gives to the residual stream, after its norm where it has one.
    fn add_change(&self, part: usize, x: &mut [f32], change: &mut [f32]) {
        if let Some(norms) = self.post_norms {
            norms[part].forward_in_place(change);
        }
        measure(Part::Residual, || add(Pool::global(), x, change));
    }
}

/// Multiplies all numbers by `factor`.
fn scale(x: &mut [f32], factor: f32) {
    if factor != 1.0 {
        x.iter_mut().for_each(|x| *x *= factor);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::decoder::{Decoder, LoadOptions, Outputs, Span, values};
    use crate::{Device, ModelFiles};

    fn logits(decoder: &Decoder, tokens: &[u32]) -> Vec<f32> {
        let mut cache = decoder.cache();
        let span = Span { cache: &mut cache, tokens, outputs: Outputs::All };
        values(decoder.forward(&mut [span]).unwrap().unwrap().logits)
    }

    /// What a long pass left in the buffers does not show in a short one, nor does a pass that runs at the same time.
    #[test]
    fn passes_do_not_see_what_others_left_in_the_buffers() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny/gguf/smollm2-k-quants-tied.gguf");
        let ModelFiles { weights, config, .. } = ModelFiles::open(&file).unwrap();
        let longest = (config.context as u32).min(2 * MAX_KEPT_ROWS as u32);
        let tokens: Vec<u32> = (0..longest).map(|at| at * 7 % config.vocabulary as u32).collect();
        let load = || Decoder::load(weights.clone(), config.clone(), &LoadOptions::new(Device::flex())).unwrap();
        let lengths = [3, longest as usize, 1, 40, 2];
        let alone = lengths.map(|length| logits(&load(), &tokens[..length]));
        let decoder = Arc::new(load());
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for (length, expected) in lengths.iter().zip(&alone) {
                        assert!(logits(&decoder, &tokens[..*length]) == *expected, "{length} rows");
                    }
                });
            }
        });
    }
}
