//! From named tensors of a file to a decoder.

mod experts;
mod joined;
mod matrices;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn::tensor::{FloatDType, Tensor, TensorData};

use super::attention::Attention;
use super::cache::Caches;
use super::embedding::Embedding;
#[cfg(feature = "flex")]
use super::embedding::Mapped;
use super::expected::{
    EMBEDDING, FEED_FORWARD_PARTS, HEAD, HEAD_NORMS, POST_NORMS, PREFIX, check_task, expect_language_model,
    feed_forward_norm, is_tied,
};
use super::feed_forward::{FeedForward, GatedFeedForward};
use super::layer::DecoderLayer;
use super::linear::Linear;
use super::norm::RmsNorm;
use super::options::{LoadOptions, Precision};
#[cfg(feature = "flex")]
use super::packed_pass::PassBuffers;
use super::rope::RopeFrequencies;
use super::{Backbone, Decoder};
use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::weights::{LoadReport, TensorView, WeightSource};

impl Decoder {
    /// Loads the weights of `source` into a decoder of shape `config`.
    ///
    /// # Errors
    /// As [`check`](Self::check); [`Error::Parameter`] for an environment variable of the kernels that has no meaning;
    /// [`Error::NotFinite`] from a [scan](LoadOptions::scan) and from requantisation; errors of the source.
    pub fn load(source: Arc<dyn WeightSource>, config: ModelConfig, options: &LoadOptions) -> Result<Self> {
        Self::check(source.as_ref(), &config)?;
        let config = ModelConfig { tied: is_tied(source.as_ref(), &config)?, ..config };
        let backbone = Backbone::load(source.clone(), config, options, PREFIX)?;
        let dtype = options.precision.dtype(&options.device)?;
        let head = Loader { source, config: &backbone.config, options, dtype, prefix: PREFIX }.head()?;
        Ok(Self { backbone, head })
    }

    /// Checks that `source` holds every tensor of a language model of shape `config` and no others, without reading any weight: what
    /// [`load`](Self::load) checks first.
    ///
    /// # Errors
    /// [`Error::Format`] for the checkpoint of a classifier; [`Error::Weights`] with every missing, misshapen and unused tensor
    /// at once.
    pub fn check(source: &dyn WeightSource, config: &ModelConfig) -> Result<LoadReport> {
        check_task(source, config)?;
        let mut report = LoadReport::new(source);
        expect_language_model(&mut report, source, config);
        report.finish(source.path())?;
        Ok(report)
    }
}

impl Backbone {
    /// Loads the tensors of `source` whose names begin with `prefix`, after a [`LoadReport`] has found that all are there.
    ///
    /// # Errors
    /// As [`Decoder::load`].
    pub(crate) fn load(
        source: Arc<dyn WeightSource>,
        config: ModelConfig,
        options: &LoadOptions,
        prefix: &str,
    ) -> Result<Self> {
        options.precision.check_environment()?;
        let config = options.bounded(config)?;
        let dtype = options.precision.dtype(&options.device)?;
        let loader = Loader { source, config: &config, options, dtype, prefix };
        let layers = (0..config.layers).map(|layer| loader.layer(layer)).collect::<Result<_>>()?;
        Ok(Self {
            name: loader.source.path().display().to_string(),
            embedding: loader.embedding()?,
            layers,
            norm: loader.norm("norm.weight")?,
            frequencies: RopeFrequencies::of(&config),
            device: options.device.clone(),
            caches: Caches::new(&config, options)?,
            checked: AtomicBool::new(false),
            #[cfg(feature = "flex")]
            buffers: PassBuffers::default(),
            config,
        })
    }
}

struct Loader<'a> {
    source: Arc<dyn WeightSource>,
    config: &'a ModelConfig,
    options: &'a LoadOptions,
    /// Of burn tensors.
    dtype: FloatDType,
    /// What the names of the decoder's tensors begin with.
    prefix: &'a str,
}

impl Loader<'_> {
    fn layer(&self, index: usize) -> Result<DecoderLayer> {
        let family = self.config.family;
        let name = |part: &str| format!("layers.{index}.{part}");
        let linear = |part: &str| self.linear(&self.full(&name(part)), None);
        let rotary = |part: &str, heads: usize| self.linear(&self.full(&name(part)), self.row_order(heads));
        let [query, key, value] = match family.joined_projections {
            true => self.joined_qkv(index)?,
            false => [
                rotary("self_attn.q_proj", self.config.heads)?,
                rotary("self_attn.k_proj", self.config.kv_heads)?,
                linear("self_attn.v_proj")?,
            ],
        };
        Ok(DecoderLayer {
            attention_norm: self.norm(&name("input_layernorm.weight"))?,
            attention: Attention {
                query,
                key,
                value,
                output: linear("self_attn.o_proj")?,
                head_norms: self.norms(index, family.head_norms, HEAD_NORMS)?,
            },
            post_norms: self.norms(index, family.post_norms, POST_NORMS)?,
            feed_forward_norm: self.norm(&name(feed_forward_norm(family)))?,
            feed_forward: match self.config.experts {
                None => FeedForward::Dense(self.dense(index)?),
                Some(config) => FeedForward::Experts(self.experts(index, config)?),
            },
        })
    }

    /// The feed-forward part of a layer that has one for all tokens.
    fn dense(&self, layer: usize) -> Result<GatedFeedForward> {
        let linear = |part: &str| self.linear(&self.full(&format!("layers.{layer}.mlp.{part}")), None);
        let [gate, up, down] = FEED_FORWARD_PARTS;
        let [gate, up] = match self.config.family.joined_projections {
            true => self.joined_gate_up(layer)?,
            false => [linear(gate)?, linear(up)?],
        };
        Ok(self.gated([gate, up, linear(down)?]))
    }

    /// Two norms of a layer, if the family has them.
    fn norms(&self, layer: usize, are_there: bool, names: [&str; 2]) -> Result<Option<[RmsNorm; 2]>> {
        let [first, second] = names.map(|name| format!("layers.{layer}.{name}"));
        are_there.then(|| Ok([self.norm(&first)?, self.norm(&second)?])).transpose()
    }

    /// The file's name for a part of the decoder.
    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn norm(&self, name: &str) -> Result<RmsNorm> {
        let mut weight = self.view(&self.full(name))?.to_f32()?;
        weight.iter_mut().for_each(|weight| *weight += self.config.norm_offset);
        let epsilon = self.config.norm_epsilon;
        match self.options.precision {
            Precision::Plain | Precision::Half => Ok(RmsNorm::plain(self.vector(weight), epsilon)),
            #[cfg(feature = "flex")]
            Precision::Packed => Ok(RmsNorm::fused(weight, epsilon)),
        }
    }

    fn embedding(&self) -> Result<Embedding> {
        let name = self.full(EMBEDDING);
        match self.options.precision {
            Precision::Plain | Precision::Half => {
                let rows = self.rows(&name)?;
                self.options.report_loaded(rows.stored_bytes(0..rows.len()).len());
                Ok(Embedding::Plain(self.matrix(&rows)?))
            }
            // The table stays in the file, whose rows are decoded as they are needed.
            #[cfg(feature = "flex")]
            Precision::Packed => {
                let TensorView { dtype, bytes, .. } = self.view(&name)?;
                if !self.config.tied {
                    self.options.report_loaded(bytes.len()); // else it is packed as the head
                }
                Ok(Embedding::Mapped(Mapped { source: self.source.clone(), name, hidden: self.config.hidden, dtype }))
            }
        }
    }

    /// The head; `None` where the embedding's plain table serves as it is.
    fn head(&self) -> Result<Option<Linear>> {
        let plain = self.options.precision.is_plain();
        let (table, bias) = (self.full(EMBEDDING), format!("{HEAD}.bias"));
        let is_biased = self.source.get(&bias)?.is_some();
        if self.config.tied && plain && !is_biased && self.smaller(self.rows(&table)?).is_as_in_file() {
            return Ok(None);
        }
        let weight = if self.config.tied { table } else { format!("{HEAD}.weight") };
        self.linear_of(&weight, &bias, None).map(Some)
    }

    fn view(&self, name: &str) -> Result<TensorView<'_>> {
        let view = self.source.get(name)?;
        let view = view.ok_or_else(|| {
            Error::format(self.source.path(), self.source.name_in_file(name), "a tensor", "no such tensor")
        })?;
        if self.options.scan
            && let Some(index) = view.first_not_finite()?
        {
            let model = self.source.path().display().to_string();
            return Err(Error::NotFinite {
                model,
                place: format!("tensor `{}`", self.source.name_in_file(name)),
                index,
            });
        }
        Ok(view)
    }

    fn vector(&self, values: Vec<f32>) -> Tensor<1> {
        let shape = [values.len()];
        Tensor::from_data(TensorData::new(values, shape), &self.options.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "flex")]
    fn progress_adds_up_to_the_matrices_of_the_file() {
        use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

        use crate::ModelFiles;

        let files = ["gguf/smollm2-k-quants-tied.gguf", "gguf/llama2-q4_0.gguf", "gguf/phi3-q8_0-tied.gguf"];
        for file in files.into_iter().chain(["hf/qwen2-f32-tied", "hf/phi3-bf16-long-tied"]) {
            for precision in [Precision::Packed, Precision::Plain] {
                let path = format!("tests/fixtures/tiny/{file}");
                let ModelFiles { weights, config, .. } = ModelFiles::open(path).unwrap();
                let views = weights.names().into_iter().map(|name| weights.get(&name).unwrap().unwrap());
                let matrices: usize = views.filter(|view| view.shape.len() == 2).map(|view| view.bytes.len()).sum();
                let loaded = Arc::new(AtomicUsize::new(0));
                let counter = loaded.clone();
                let options = LoadOptions::new(burn::tensor::Device::flex()).with_precision(precision);
                let options = options.with_progress(move |bytes| {
                    counter.fetch_add(bytes, Relaxed);
                });
                Decoder::load(weights.clone(), config, &options).unwrap();
                assert_eq!(loaded.load(Relaxed), matrices, "{file} {precision:?}");
            }
        }
    }
}
