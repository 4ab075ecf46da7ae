//! One decoder, driven by [`ModelConfig`], for every model of the Llama line.
//!
//! Rows of several sequences run together: weights, the larger part of what is read from memory, are read once for all of
//! them. A row's result does not depend on its neighbours. Two sets of operations stand behind the same code: plain burn
//! operations on any device, and on the processor the packed and fused ones of `kernels`. Which one a
//! model uses is settled at load ([`Precision`]).

mod attention;
mod backbone;
mod batched_attention;
mod cache;
mod embedding;
pub(crate) mod expected;
mod experts;
mod feed_forward;
#[cfg(feature = "flex")]
mod fused;
mod layer;
mod linear;
mod load;
mod norm;
mod options;
#[cfg(feature = "flex")]
mod packed_feed_forward;
#[cfg(feature = "flex")]
mod packed_pass;
mod pass;
mod random;
mod rope;
#[cfg(feature = "flex")]
mod sharing;
mod slots;

pub(crate) use backbone::Backbone;
pub use cache::Cache;
pub use options::{LoadOptions, LoadProgress, Precision};

use std::fmt;

use burn::tensor::{Device, Tensor};

use crate::config::ModelConfig;
use crate::error::Result;
use crate::sampler::{SampledToken, argmax};
use linear::Linear;

/// New tokens of one sequence, to be run after those in its cache.
#[derive(Debug)]
pub struct Span<'a> {
    /// The sequence's cache; it grows by the span's tokens.
    pub cache: &'a mut Cache,
    /// The tokens, at least one.
    pub tokens: &'a [u32],
    /// For which of the tokens hidden states, and logits where they are asked for, are computed.
    pub outputs: Outputs,
}

/// Tokens of a span for which a pass gives results. The head costs as much as several layers, so ask for few logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// None: the span only fills the cache.
    None,
    /// The last token.
    Last,
    /// The last so many tokens, at least one: the sampled one and the speculative tokens after it.
    Tail(usize),
    /// Every token.
    All,
}

/// What a forward pass gives, for the wanted tokens of all spans, in order.
#[derive(Debug)]
pub struct Output {
    /// Hidden states after the final norm, `[wanted, hidden]`.
    pub hidden: Tensor<2>,
    /// Scores of the next token, `[wanted, vocabulary]`.
    pub logits: Tensor<2>,
}

/// A decoder with its weights on a device.
pub struct Decoder {
    backbone: Backbone,
    /// `None` where the embedding is the head.
    head: Option<Linear>,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("name", &self.backbone.name).finish_non_exhaustive()
    }
}

impl Decoder {
    /// The model's shape.
    pub fn config(&self) -> &ModelConfig {
        self.backbone.config()
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.backbone.device()
    }

    /// Bytes of weights that decoding one token reads: those of every layer and of the head, but for norms and biases; of experts, as many
    /// as a token goes through.
    pub fn bytes_per_token(&self) -> usize {
        let head = self.head.as_ref().map_or_else(|| self.backbone.embedding().bytes(), Linear::bytes);
        head + self.backbone.layer_bytes()
    }

    /// Whether burn's own operations run it, so that results lie where the device is.
    pub(crate) fn is_plain(&self) -> bool {
        self.backbone.is_plain()
    }

    /// An empty cache for one sequence.
    pub fn cache(&self) -> Cache {
        self.backbone.cache()
    }

    /// Everything below the head.
    pub(crate) fn backbone(&self) -> &Backbone {
        &self.backbone
    }

    /// Runs all spans in one pass; `None` when no logits were wanted. Caches grow by what was run, also by that of spans
    /// without outputs.
    ///
    /// # Errors
    /// As [`hidden`](Self::hidden).
    pub fn forward(&self, spans: &mut [Span<'_>]) -> Result<Option<Output>> {
        let hidden = self.hidden(spans)?;
        Ok(hidden.map(|hidden| Output { logits: self.logits(hidden.clone()), hidden }))
    }

    /// As [`forward`](Self::forward), without the head: hidden states after the final norm, `[wanted, hidden]`, bit for bit
    /// those of [`Output::hidden`].
    ///
    /// # Errors
    /// [`Error::ContextFull`](crate::Error::ContextFull), [`Error::EmptyPrompt`](crate::Error::EmptyPrompt) and
    /// [`Error::Parameter`](crate::Error::Parameter) (an id outside the vocabulary) before anything is run;
    /// [`Error::NotFinite`](crate::Error::NotFinite) from the first pass after loading, naming the layer.
    pub fn hidden(&self, spans: &mut [Span<'_>]) -> Result<Option<Tensor<2>>> {
        self.backbone.hidden(spans)
    }

    /// The head: scores of the token after each of these hidden states, `[rows, hidden]` → `[rows, vocabulary]`.
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        match &self.head {
            Some(head) => head.forward(hidden),
            None => self.backbone.embedding().predict(hidden),
        }
    }

    /// The likeliest token of each row of [`logits`](Self::logits), found on the device, with its log-probability and the entropy:
    /// a few numbers a row are read back. `None` when a logit is not finite.
    pub fn likeliest(&self, logits: Tensor<2>) -> Option<Vec<SampledToken>> {
        argmax::sampled_tokens(&values(argmax::on_device(logits)))
    }
}

/// The numbers of a tensor, one row after the other.
pub(crate) fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data_as::<f32>().try_into_vec::<f32>().unwrap_or_default()
}
