//! A decoder without its head: embedding, layers and final norm.

use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "flex")]
use burn::tensor::TensorData;
use burn::tensor::{Device, Tensor};

use super::batched_attention::{BatchedAttention, ints};
use super::cache::Caches;
use super::embedding::Embedding;
use super::layer::DecoderLayer;
use super::norm::RmsNorm;
#[cfg(feature = "flex")]
use super::packed_pass::PassBuffers;
use super::pass::{AttentionBackend, Pass};
use super::rope::{ByRotation, RopeFrequencies};
use super::{Cache, Outputs, Span, values};
use crate::config::ModelConfig;
use crate::error::{Error, Result};

/// Embedding, layers and final norm, which language models and classifiers of hidden states have in common.
pub(crate) struct Backbone {
    pub(super) name: String,
    pub(super) config: ModelConfig,
    pub(super) device: Device,
    pub(super) embedding: Embedding,
    pub(super) layers: Vec<DecoderLayer>,
    pub(super) norm: RmsNorm,
    pub(super) frequencies: ByRotation<RopeFrequencies>,
    pub(super) caches: Caches,
    pub(super) checked: AtomicBool,
    #[cfg(feature = "flex")]
    pub(super) buffers: PassBuffers,
}

impl Backbone {
    /// The model's shape.
    pub(crate) fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Where the weights are.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Bytes of the layers' matrices that a token reads.
    pub(super) fn layer_bytes(&self) -> usize {
        self.layers.iter().map(DecoderLayer::bytes).sum()
    }

    pub(super) fn embedding(&self) -> &Embedding {
        &self.embedding
    }

    /// Whether burn's own operations run it, and not the processor's kernels.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.caches, Caches::Plain(_))
    }

    /// An empty cache for one sequence.
    pub(crate) fn cache(&self) -> Cache {
        self.caches.empty()
    }

    /// Runs all spans in one pass and gives the hidden states of the wanted tokens after the final norm, `[wanted, hidden]`.
    ///
    /// # Errors
    /// As [`Decoder::hidden`](super::Decoder::hidden).
    pub(crate) fn hidden(&self, spans: &mut [Span<'_>]) -> Result<Option<Tensor<2>>> {
        self.check_spans(spans)?;
        let ids: Vec<u32> = spans.iter().flat_map(|span| span.tokens).copied().collect();
        let wanted = wanted_rows(spans);
        let mut pass = Pass::new(spans, self)?;
        let check = !self.checked.load(Ordering::Relaxed);
        let states = match &pass.attention {
            AttentionBackend::Plain(batch) => self.plain_states(&ids, &wanted, batch, check)?,
            #[cfg(feature = "flex")]
            AttentionBackend::Fused(batch) => {
                let states = self.packed_states(&ids, &wanted, batch, check)?;
                Tensor::from_data(TensorData::new(states, [wanted.len(), self.config.hidden]), &self.device)
            }
        };
        pass.advance();
        self.checked.store(true, Ordering::Relaxed);
        Ok((!wanted.is_empty()).then_some(states))
    }

    /// Runs the tokens `ids` through all layers by burn's operations, and gives the states of the rows `wanted` after the final norm. With
    /// `check`, every layer's output is looked through for numbers that are not finite.
    fn plain_states(&self, ids: &[u32], wanted: &[usize], batch: &BatchedAttention, check: bool) -> Result<Tensor<2>> {
        let mut x = self.embedding.look_up(ids, &self.device)?;
        let scale = self.config.embedding_scale();
        if scale != 1.0 {
            x = x * scale;
        }
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, index, batch);
            if check {
                self.check_finite(&values(x.clone()), || format!("layer {index}"))?;
            }
        }
        let x = if wanted.len() == ids.len() { x } else { select_rows(x, wanted, &self.device) };
        Ok(self.norm.forward(x))
    }

    /// Refuses spans that cannot be run, before any cache is changed.
    fn check_spans(&self, spans: &[Span<'_>]) -> Result<()> {
        spans.iter().try_for_each(|span| self.admit_tokens(span.cache.len(), span.tokens))
    }

    /// Refuses `tokens` that cannot be run after `cached` others.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`], [`Error::ContextFull`], and [`Error::Parameter`] for an id outside the vocabulary.
    pub(crate) fn admit_tokens(&self, cached: usize, tokens: &[u32]) -> Result<()> {
        if tokens.is_empty() {
            return Err(Error::EmptyPrompt { model: self.name.clone() });
        }
        let (count, context) = (cached + tokens.len(), self.config.context);
        if count > context {
            return Err(self.config.context_full(&self.name, count));
        }
        match tokens.iter().find(|&&id| id as usize >= self.config.vocabulary) {
            None => Ok(()),
            Some(id) => {
                let expected = format!("an id below the vocabulary's size of {}", self.config.vocabulary);
                Err(Error::Parameter { name: "token", expected, found: id.to_string() })
            }
        }
    }

    pub(super) fn check_finite(&self, values: &[f32], place: impl Fn() -> String) -> Result<()> {
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(Error::NotFinite { model: self.name.clone(), place: place(), index }),
            None => Ok(()),
        }
    }
}

/// Indices, among the rows of all spans, of those whose results are wanted.
fn wanted_rows(spans: &[Span<'_>]) -> Vec<usize> {
    let mut rows = Vec::new();
    let mut start = 0;
    for span in spans {
        let end = start + span.tokens.len();
        match span.outputs {
            Outputs::None => {}
            Outputs::Last => rows.push(end - 1),
            Outputs::Tail(count) => rows.extend(end - count.min(span.tokens.len())..end),
            Outputs::All => rows.extend(start..end),
        }
        start = end;
    }
    rows
}

fn select_rows(x: Tensor<2>, rows: &[usize], device: &Device) -> Tensor<2> {
    x.select(0, ints(rows, device))
}
