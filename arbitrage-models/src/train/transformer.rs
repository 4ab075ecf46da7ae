//! The decoder as a burn module.

use burn::module::Module;
use burn::nn::{Embedding, Linear, RmsNorm};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use super::block::TransformerBlock;
use super::parameter_source::{ParameterSource, RandomInit};
use super::position_tables::PositionTables;
use crate::config::ModelConfig;
use crate::error::{Error, Result};

pub(super) const EMBEDDING: &str = "model.embed_tokens";
pub(super) const NORM: &str = "model.norm";
pub(super) const HEAD: &str = "lm_head";

/// A decoder of the Llama family whose weights are burn parameters. It runs whole texts without caches.
///
/// It computes the same as [`Decoder`](crate::Decoder), which is faster but has no gradients.
#[derive(Module, Debug)]
pub struct Transformer {
    pub(super) embedding: Embedding,
    pub(super) blocks: Vec<TransformerBlock>,
    pub(super) norm: RmsNorm,
    /// `None` where the embedding is tied to the head.
    pub(super) head: Option<Linear>,
    #[module(skip)]
    pub(super) config: ModelConfig,
}

/// A batch of texts, each padded at its end. No row attends to the padding, since rows attend only to earlier ones.
#[derive(Clone, Debug)]
pub struct TextBatch {
    ids: Vec<i32>,
    count: usize,
    length: usize,
}

impl TextBatch {
    /// Texts of at least one token each, padded with token 0 to the longest.
    pub fn new<'t>(texts: impl IntoIterator<Item = &'t [u32]> + Clone) -> Self {
        let length = texts.clone().into_iter().map(<[u32]>::len).max().unwrap_or(0);
        let (mut ids, mut count) = (Vec::new(), 0);
        for text in texts {
            count += 1;
            ids.extend(text.iter().map(|&id| id as i32));
            ids.resize(count * length, 0);
        }
        Self { ids, count, length }
    }

    /// The index of a token's row among the rows of all texts.
    pub fn row(&self, text: usize, token: usize) -> usize {
        text * self.length + token
    }
}

impl Transformer {
    /// A model with random initial weights.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a family other than `llama` and `qwen2`, and for scaled rotary embeddings, which
    /// [`save`](Self::save) cannot write.
    pub fn init(config: ModelConfig, seed: u64, device: &Device) -> Result<Self> {
        super::folder::check(&config)?;
        Ok(Self::new(config, &mut RandomInit::new(seed, device)))
    }

    /// A model with parameters from `source`.
    pub(super) fn new(config: ModelConfig, source: &mut impl ParameterSource) -> Self {
        Self {
            embedding: source.embedding(EMBEDDING, config.vocabulary, config.hidden),
            blocks: (0..config.layers).map(|index| TransformerBlock::new(index, &config, source)).collect(),
            norm: source.norm(NORM, config.hidden, config.norm_epsilon),
            head: (!config.tied).then(|| source.linear(HEAD, [config.hidden, config.vocabulary], false, 1.0)),
            config,
        }
    }

    /// The model with only its first `layers` layers, or all if it has fewer: a cheap start for a classifier, better than random
    /// weights.
    pub fn with_layers(mut self, layers: usize) -> Self {
        self.blocks.truncate(layers.max(1));
        self.config.layers = self.blocks.len();
        self
    }

    /// The model's shape.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The device of the weights.
    pub fn device(&self) -> Device {
        self.norm.gamma.device()
    }

    /// Hidden states of all rows after the final norm, `[texts · length, hidden]`.
    ///
    /// # Errors
    /// [`Error::ContextFull`] for texts longer than the context, [`Error::EmptyPrompt`] where there is no token,
    /// [`Error::Parameter`] for an id outside the vocabulary.
    pub fn hidden(&self, texts: &TextBatch) -> Result<Tensor<2>> {
        let TextBatch { ids, count, length } = texts;
        if *length > self.config.context {
            return Err(self.config.context_full(self.config.family.name, *length));
        }
        if ids.is_empty() {
            return Err(Error::EmptyPrompt { model: self.config.family.name.to_owned() });
        }
        let vocabulary = self.config.vocabulary;
        if let Some(id) = ids.iter().find(|id| usize::try_from(**id).map_or(true, |id| id >= vocabulary)) {
            let expected = format!("ids below {vocabulary}");
            return Err(Error::Parameter { name: "tokens", expected, found: (*id as u32).to_string() });
        }
        let device = self.device();
        let tables = PositionTables::new(*length, &self.config, &device);
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids.clone(), [*count, *length]), &device);
        let x = self.blocks.iter().fold(self.embedding.forward(ids), |x, block| block.forward(x, &tables));
        Ok(self.norm.forward(x).reshape([count * length, self.config.hidden]))
    }

    /// Log-probabilities of the next token after `hidden`, `[rows, hidden]` → `[rows, vocabulary]`.
    pub fn predict(&self, hidden: Tensor<2>) -> Tensor<2> {
        let logits = match &self.head {
            Some(head) => head.forward(hidden),
            None => hidden.matmul(self.embedding.weight.val().transpose()),
        };
        activation::log_softmax(logits, 1)
    }
}

/// The rows at `indices` of `[rows, width]`.
pub(super) fn select(x: Tensor<2>, indices: &[usize]) -> Tensor<2> {
    let indices: Vec<i32> = indices.iter().map(|&row| row as i32).collect();
    let device = x.device();
    x.select(0, Tensor::<1, Int>::from_data(TensorData::from(indices.as_slice()), &device))
}
