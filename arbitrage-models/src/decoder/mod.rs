//! One decoder, driven by [`ModelConfig`], for every model of the Llama line.
//!
//! Rows of several sequences run together: weights, the larger part of what is read from memory, are read once for all of
//! them. A row's result does not depend on its neighbours. Two sets of operations stand behind the same code: plain burn
//! operations on any device, and on the processor the packed and fused ones of `kernels`. Which one a
//! model uses is settled at load ([`Precision`]).

mod attention;
mod cache;
mod embedding;
#[cfg(feature = "flex")]
mod fused;
mod head;
mod layer;
mod linear;
mod load;
mod norm;
mod options;
mod rope;

pub use cache::Cache;
pub use head::HeadTokens;
pub use options::{LoadOptions, Precision};

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use attention::Batch;
use embedding::Embedding;
use layer::Layer;
use linear::Linear;
use norm::RmsNorm;

/// New tokens of one sequence, to be run after what its cache holds.
pub struct Span<'a> {
    /// The sequence's cache; it grows by the span's tokens.
    pub cache: &'a mut Cache,
    /// The tokens, at least one.
    pub tokens: &'a [u32],
    /// For which of the tokens the next one is to be predicted.
    pub outputs: Outputs,
}

/// Tokens of a span for which logits are computed. The head costs as much as several layers, so ask for few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// None: the span only fills the cache.
    None,
    /// The last token.
    Last,
    /// The last so many tokens, at least one: the sampled one and the guesses behind it.
    Tail(usize),
    /// Every token.
    All,
}

/// What a forward pass gives, for the wanted tokens of all spans, in order.
pub struct Output {
    /// Hidden states after the final norm, `[wanted, hidden]`.
    pub hidden: Tensor<2>,
    /// Scores of the next token, `[wanted, vocabulary]`, or `[wanted, kept]` where the head was
    /// [trimmed](LoadOptions::with_head).
    pub logits: Tensor<2>,
}

/// A decoder with its weights on a device.
pub struct Decoder {
    name: String,
    config: ModelConfig,
    device: Device,
    embedding: Embedding,
    layers: Vec<Layer>,
    norm: RmsNorm,
    /// `None` where the embedding is the head.
    head: Option<Linear>,
    /// The tokens that the head's rows stand for, where it was trimmed.
    kept: Option<HeadTokens>,
    frequencies: Vec<f64>,
    precision: Precision,
    checked: AtomicBool,
    unused: Vec<String>,
}

impl Decoder {
    /// The model's shape.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Tensors of the file that the model has no use for: none in a file of the right family, but for buffers that some
    /// exporters keep. Missing and misshapen ones are errors of loading.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// Which token each column of the logits stands for, ascending, where the head was [trimmed](LoadOptions::with_head);
    /// `None` where column `i` is token `i`.
    pub fn head_ids(&self) -> Option<&[u32]> {
        self.kept.as_ref().map(HeadTokens::ids)
    }

    /// Columns of the logits.
    pub fn head_width(&self) -> usize {
        self.head_ids().map_or(self.config.vocabulary, <[u32]>::len)
    }

    /// Bytes of weights that decoding one token reads: those of every layer and of the head, but for norms and biases.
    pub fn bytes_a_token(&self) -> usize {
        let head = self.head.as_ref().map_or_else(|| self.embedding.bytes(), Linear::bytes);
        head + self.layers.iter().map(Layer::bytes).sum::<usize>()
    }

    /// An empty cache for one sequence.
    pub fn cache(&self) -> Cache {
        Cache::new(&self.config, self.precision)
    }

    /// Runs all spans in one pass; `None` when no logits were wanted. Caches grow by what was run, also by that of spans
    /// without outputs.
    ///
    /// # Errors
    /// [`Error::ContextFull`], [`Error::EmptyPrompt`] and [`Error::Parameter`] (an id outside the vocabulary) before
    /// anything is run; [`Error::NotFinite`] from the first pass after loading, naming the layer.
    pub fn forward(&self, spans: &mut [Span<'_>]) -> Result<Option<Output>> {
        self.admit(spans)?;
        let ids: Vec<u32> = spans.iter().flat_map(|span| span.tokens).copied().collect();
        let wanted = wanted_rows(spans);
        let mut x = self.embedding.look_up(&ids, &self.device)?;
        let mut batch = Batch::new(spans, &self.config, &self.frequencies, &self.device);
        let check = !self.checked.load(Ordering::Relaxed);
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, index, &mut batch);
            if check {
                self.check_finite(&x, || format!("layer {index}"))?;
            }
        }
        batch.advance();
        self.checked.store(true, Ordering::Relaxed);
        Ok((!wanted.is_empty()).then(|| self.predict(x, &wanted, ids.len())))
    }

    /// Refuses what cannot be run before a cache is touched.
    fn admit(&self, spans: &[Span<'_>]) -> Result<()> {
        for span in spans {
            if span.tokens.is_empty() {
                return Err(Error::EmptyPrompt { model: self.name.clone() });
            }
            let tokens = span.cache.len() + span.tokens.len();
            if tokens > self.config.context {
                return Err(Error::ContextFull { model: self.name.clone(), tokens, context: self.config.context });
            }
            if let Some(id) = span.tokens.iter().find(|&&id| id as usize >= self.config.vocabulary) {
                let expected = format!("an id below {}", self.config.vocabulary);
                return Err(Error::Parameter { name: "token", expected, found: id.to_string() });
            }
        }
        Ok(())
    }

    fn predict(&self, x: Tensor<2>, wanted: &[usize], rows: usize) -> Output {
        let x = if wanted.len() == rows { x } else { select_rows(x, wanted, &self.device) };
        let hidden = self.norm.forward(x);
        let logits = match &self.head {
            Some(head) => head.forward(hidden.clone()),
            None => self.embedding.predict(hidden.clone()),
        };
        Output { hidden, logits }
    }

    fn check_finite(&self, x: &Tensor<2>, place: impl Fn() -> String) -> Result<()> {
        let data = x.to_data_as::<f32>();
        let values = data.as_slice::<f32>().unwrap_or_default();
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(Error::NotFinite { model: self.name.clone(), place: place(), index }),
            None => Ok(()),
        }
    }
}

/// Rows, among those of all spans, for which logits are wanted.
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
    let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
    x.select(0, Tensor::<1, Int>::from_data(TensorData::from(rows.as_slice()), device))
}
