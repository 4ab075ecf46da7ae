//! From named tensors of a file to a decoder.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn::tensor::{FloatDType, Tensor, TensorData};

use super::attention::Attention;
use super::batched_attention::{ints, inverse};
use super::cache::Caches;
use super::embedding::Embedding;
#[cfg(feature = "flex")]
use super::embedding::Mapped;
use super::expected::{
    EMBEDDING, EXPERT_PARTS, HEAD, HEAD_NORMS, POST_NORMS, PREFIX, check_task, expect_language_model,
    feed_forward_norm, is_tied,
};
use super::experts::Experts;
use super::feed_forward::{FeedForward, GatedFeedForward};
#[cfg(feature = "flex")]
use super::fused::PackedLinear;
use super::layer::DecoderLayer;
use super::linear::Linear;
use super::norm::RmsNorm;
use super::options::{LoadOptions, Precision};
#[cfg(feature = "flex")]
use super::packed_pass::PassBuffers;
use super::rope::RopeFrequencies;
use super::{Backbone, Decoder};
use crate::config::{ExpertsConfig, ModelConfig};
use crate::error::{Error, Result};
use crate::weights::{LoadReport, Rows, TensorView, WeightSource};

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

/// Where a matrix is.
struct Place<'a> {
    /// What Hugging Face's names call the linear layer.
    #[cfg_attr(
        not(feature = "flex"),
        expect(dead_code, reason = "shared matrices, which are packed, are found by it")
    )]
    linear: &'a str,
    /// The tensor that holds it.
    tensor: &'a str,
    /// Its first byte in the tensor.
    start: usize,
}

impl Loader<'_> {
    fn layer(&self, index: usize) -> Result<DecoderLayer> {
        let family = self.config.family;
        let name = |part: &str| format!("layers.{index}.{part}");
        let linear = |part: &str| self.linear(&self.full(&name(part)), None);
        let rotary = |part: &str, heads: usize| self.linear(&self.full(&name(part)), self.row_order(heads));
        Ok(DecoderLayer {
            attention_norm: self.norm(&name("input_layernorm.weight"))?,
            attention: Attention {
                query: rotary("self_attn.q_proj", self.config.heads)?,
                key: rotary("self_attn.k_proj", self.config.kv_heads)?,
                value: linear("self_attn.v_proj")?,
                output: linear("self_attn.o_proj")?,
                head_norms: self.norms(index, family.head_norms, HEAD_NORMS)?,
            },
            post_norms: self.norms(index, family.post_norms, POST_NORMS)?,
            feed_forward_norm: self.norm(&name(feed_forward_norm(family)))?,
            feed_forward: match self.config.experts {
                None => FeedForward::Dense(self.gated(EXPERT_PARTS.map(|part| linear(&format!("mlp.{part}"))))?),
                Some(config) => FeedForward::Experts(self.experts(index, config)?),
            },
        })
    }

    /// A feed-forward part of the matrices gate, up and down.
    fn gated(&self, [gate, up, down]: [Result<Linear>; 3]) -> Result<GatedFeedForward> {
        Ok(GatedFeedForward { gate: gate?, up: up?, activation: self.config.family.activation, down: down? })
    }

    fn experts(&self, layer: usize, config: ExpertsConfig) -> Result<Experts> {
        let name = |part: &str| self.full(&format!("layers.{layer}.mlp.{part}"));
        let [gates, ups, downs] = EXPERT_PARTS.map(|part| self.expert_matrices(&name("experts"), part, config.count));
        let experts = gates?.into_iter().zip(ups?).zip(downs?);
        let experts =
            experts.map(|((gate, up), down)| self.gated([Ok(gate), Ok(up), Ok(down)])).collect::<Result<_>>()?;
        Ok(Experts { router: self.router(&name("gate"))?, experts, config })
    }

    /// The router of a layer's experts, in its file's format whatever the options ask for: rounded, it would choose other experts.
    fn router(&self, linear: &str) -> Result<Linear> {
        let tensor = format!("{linear}.weight");
        let place = Place { linear, tensor: &tensor, start: 0 };
        self.linear_at(&place, self.rows(&tensor)?, None, None)
    }

    /// A matrix of each expert.
    fn expert_matrices(&self, name: &str, part: &str, count: usize) -> Result<Vec<Linear>> {
        if !self.source.experts_are_stacked() {
            return (0..count).map(|expert| self.linear(&format!("{name}.{expert}.{part}"), None)).collect();
        }
        let tensor = format!("{name}.{part}.weight");
        let whole = self.view(&tensor)?;
        let size = whole.bytes.len() / count;
        let matrices = (0..count).map(|expert| {
            let view = TensorView { shape: &whole.shape[1..], bytes: &whole.bytes[expert * size..][..size], ..whole };
            let rows = self.smaller(Rows::of(self.source.path(), view)?);
            let place = Place { linear: &format!("{name}.{expert}.{part}"), tensor: &tensor, start: expert * size };
            self.linear_at(&place, rows, None, None)
        });
        let matrices = matrices.collect();
        self.source.forget(&tensor);
        matrices
    }

    /// Two norms of a layer, if the family has them.
    fn norms(&self, layer: usize, are_there: bool, names: [&str; 2]) -> Result<Option<[RmsNorm; 2]>> {
        let [first, second] = names.map(|name| format!("layers.{layer}.{name}"));
        are_there.then(|| Ok([self.norm(&first)?, self.norm(&second)?])).transpose()
    }

    /// The order that puts the rows of `heads` heads into the rotate-half layout; `None` where they are in it.
    fn row_order(&self, heads: usize) -> Option<Vec<u32>> {
        let dim = self.config.head_dim;
        self.source.rope_is_interleaved().then(|| rotate_half(heads * dim, dim))
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

    /// The linear layer `name`, in the format that the options ask for: all rows, or those that `order` names.
    fn linear(&self, name: &str, order: Option<Vec<u32>>) -> Result<Linear> {
        self.linear_of(&format!("{name}.weight"), &format!("{name}.bias"), order)
    }

    /// The linear layer of a matrix and, if it is there, a bias.
    fn linear_of(&self, weight_name: &str, bias_name: &str, order: Option<Vec<u32>>) -> Result<Linear> {
        let repacked = self.source.repack(weight_name)?;
        let rows = match &repacked {
            Some(tensor) => Rows::of(self.source.path(), tensor.view(weight_name))?,
            None => self.rows(weight_name)?,
        };
        let (rows, columns) = (self.smaller(rows), repacked.as_ref().and_then(|tensor| tensor.columns.as_deref()));
        let bias = self.source.get(bias_name)?.map(|bias| bias.to_f32()).transpose()?;
        let (rows, bias) = match order {
            Some(order) => {
                let bias = bias.map(|bias| order.iter().map(|&row| bias[row as usize]).collect());
                (rows.in_order(order)?, bias)
            }
            None => (rows, bias),
        };
        let linear = weight_name.trim_end_matches(".weight");
        let linear = self.linear_at(&Place { linear, tensor: weight_name, start: 0 }, rows, bias, columns)?;
        self.source.forget(weight_name);
        Ok(linear)
    }

    /// The linear layer of the rows at a place, in the form that the options ask for; `columns` tells which of the layer's inputs each
    /// column is, if they are not in order.
    fn linear_at(
        &self,
        place: &Place<'_>,
        rows: Rows<'_>,
        bias: Option<Vec<f32>>,
        columns: Option<&[u32]>,
    ) -> Result<Linear> {
        #[cfg(feature = "flex")]
        if let Some(shared) = &self.options.shared
            && self.options.precision == Precision::Packed
            && let Some(packed) = shared.find(self.source.path(), place.linear, &rows)
        {
            self.options.report_loaded(rows.stored_bytes(0..rows.len()).len());
            return Ok(Linear::Packed(packed));
        }
        Ok(match self.options.precision {
            Precision::Plain | Precision::Half => {
                let matrix = self.matrix(&rows)?;
                let matrix = match columns {
                    Some(columns) => matrix.select(1, ints(&inverse(columns), &self.options.device)),
                    None => matrix,
                };
                let weight = matrix.transpose();
                self.loaded(place, rows.stored_bytes(0..rows.len()));
                Linear::Plain { weight, bias: bias.map(|bias| self.vector(bias)) }
            }
            #[cfg(feature = "flex")]
            Precision::Packed => {
                let packed = |part| self.loaded(place, rows.stored_bytes(part));
                Linear::Packed(Arc::new(PackedLinear::new(&rows, bias, columns, packed)?))
            }
        })
    }

    /// Releases the pages of a part of the matrix at `place` that is loaded, so that no more than it is in memory twice. Rows that are read in
    /// another order may come from the file once more.
    fn loaded(&self, place: &Place<'_>, part: Range<usize>) {
        self.options.report_loaded(part.len());
        self.source.forget_part(place.tensor, place.start + part.start..place.start + part.end);
    }

    fn rows(&self, name: &str) -> Result<Rows<'_>> {
        Rows::of(self.source.path(), self.view(name)?)
    }

    fn smaller<'v>(&self, rows: Rows<'v>) -> Rows<'v> {
        self.options.weights.map_or(rows.clone(), |most| rows.at_most(most))
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

    /// Rounded on this side, so that only what is kept is carried over.
    fn matrix(&self, rows: &Rows<'_>) -> Result<Tensor<2>> {
        let data = TensorData::new(rows.to_f32()?, [rows.len(), rows.cols()]).convert_dtype(self.dtype.into());
        Ok(Tensor::from_data(data, (&self.options.device, self.dtype.into())))
    }
}

/// Which row of the file comes next where rows that were laid out for interleaved rotary pairs (GGUF files of the Llama
/// family) are put into rotate-half order: row `2j + t` of a head becomes row `t · head_dim / 2 + j`. Whole rows move, so
/// that quantised blocks stay as they are.
fn rotate_half(rows: usize, head_dim: usize) -> Vec<u32> {
    let half = head_dim / 2;
    let from = |row: usize| row / head_dim * head_dim + row % half * 2 + row % head_dim / half;
    (0..rows).map(|row| from(row) as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_interleaved_pairs_become_halves() {
        // Heads of four rows: pairs (0, 1) and (2, 3) → halves (0, 2) and (1, 3).
        assert_eq!(rotate_half(8, 4), [0, 2, 1, 3, 4, 6, 5, 7]);
    }
    #[test]
    #[cfg(feature = "flex")]
    fn progress_adds_up_to_the_matrices_of_the_file() {
        use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

        use crate::ModelFiles;

        for file in ["gguf/smollm2-k-quants-tied.gguf", "gguf/llama2-q4_0.gguf", "hf/qwen2-f32-tied"] {
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
