//! From named tensors of a file to a decoder.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn::tensor::{Device, Tensor, TensorData};

use super::Decoder;
use super::attention::Attention;
use super::embedding::Embedding;
#[cfg(feature = "flex")]
use super::embedding::Mapped;
#[cfg(feature = "flex")]
use super::fused::PackedLinear;
use super::layer::Layer;
use super::linear::Linear;
use super::norm::RmsNorm;
use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::weights::{LoadReport, TensorView, WeightSource};

/// In which form weights are kept and multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// f32 burn tensors and plain operations, on any device: the reference, and the way of GPUs and of training.
    Plain,
    /// As the file has them (f32, f16, bf16 or GGUF blocks), multiplied by the processor's kernels. Device `flex` only.
    #[cfg(feature = "flex")]
    Packed,
}

/// Options of [`Decoder::load`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadOptions {
    /// Where the weights go.
    pub device: Device,
    /// How they are kept.
    pub precision: Precision,
    /// Looks at every weight for NaN and infinity before use: a pass over the whole file.
    pub scan: bool,
}

impl LoadOptions {
    /// Packed on the processor where that is compiled in, plain elsewhere.
    pub fn new(device: Device) -> Self {
        #[cfg(feature = "flex")]
        let precision = if device == Device::flex() { Precision::Packed } else { Precision::Plain };
        #[cfg(not(feature = "flex"))]
        let precision = Precision::Plain;
        Self { device, precision, scan: false }
    }

    /// Sets the form of the weights.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Asks for the full scan.
    pub fn with_scan(mut self) -> Self {
        self.scan = true;
        self
    }
}

const EMBEDDING: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";
const NORM: &str = "model.norm.weight";

/// Names and shapes of the tensors that a model of this shape has; the flag tells optional ones.
fn expected(config: &ModelConfig) -> Vec<(String, Vec<usize>, bool)> {
    let (hidden, inner) = (config.hidden, config.feed_forward);
    let (q, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    let mut all = vec![
        (EMBEDDING.to_owned(), vec![config.vocabulary, hidden], false),
        (NORM.to_owned(), vec![hidden], false),
        (HEAD.to_owned(), vec![config.vocabulary, hidden], config.tied),
    ];
    for layer in 0..config.layers {
        let mut add = |name: &str, shape: &[usize], optional| {
            all.push((format!("model.layers.{layer}.{name}"), shape.to_vec(), optional));
        };
        add("input_layernorm.weight", &[hidden], false);
        add("post_attention_layernorm.weight", &[hidden], false);
        for (name, shape) in [("q_proj", [q, hidden]), ("k_proj", [kv, hidden]), ("v_proj", [kv, hidden])] {
            add(&format!("self_attn.{name}.weight"), &shape, false);
            add(&format!("self_attn.{name}.bias"), &shape[..1], config.family != "qwen2");
        }
        add("self_attn.o_proj.weight", &[hidden, q], false);
        for (name, shape) in
            [("gate_proj", [inner, hidden]), ("up_proj", [inner, hidden]), ("down_proj", [hidden, inner])]
        {
            add(&format!("mlp.{name}.weight"), &shape, false);
        }
    }
    all
}

impl Decoder {
    /// Loads the weights of `source` into a decoder of shape `config`.
    ///
    /// # Errors
    /// [`Error::Weights`] with every missing and misshapen tensor at once; [`Error::NotFinite`] from a
    /// [scan](LoadOptions::scan); errors of the source.
    pub fn load(source: Arc<dyn WeightSource>, config: ModelConfig, options: &LoadOptions) -> Result<Self> {
        let unused = check(source.as_ref(), &config)?;
        let loader = Loader { source, config: &config, options };
        let layers = (0..config.layers).map(|layer| loader.layer(layer)).collect::<Result<_>>()?;
        let (embedding, head) = loader.embedding_and_head()?;
        Ok(Self {
            name: loader.source.path().display().to_string(),
            embedding,
            layers,
            norm: loader.norm(NORM)?,
            head,
            frequencies: config.rope.frequencies(config.head_dim),
            device: options.device.clone(),
            precision: options.precision,
            checked: AtomicBool::new(false),
            unused,
            config,
        })
    }
}

/// Reports everything that does not fit before the first weight is read, and returns the tensors that nothing asked for.
fn check(source: &dyn WeightSource, config: &ModelConfig) -> Result<Vec<String>> {
    let mut report = LoadReport::new(source.names());
    for (name, shape, optional) in expected(config) {
        if optional {
            report.take_optional(source, &name, &shape);
        } else {
            report.take(source, &name, &shape);
        }
    }
    report.mark_used("rope_freqs.weight"); // the shape is read from it
    report.finish(source.path())?;
    Ok(report.unused().into_iter().map(str::to_owned).collect())
}

struct Loader<'a> {
    source: Arc<dyn WeightSource>,
    config: &'a ModelConfig,
    options: &'a LoadOptions,
}

impl Loader<'_> {
    fn layer(&self, index: usize) -> Result<Layer> {
        let name = |part: &str| format!("model.layers.{index}.{part}");
        let linear = |part: &str| self.linear(&name(part), None);
        let turned = |part: &str, heads: usize| self.linear(&name(part), Some(heads));
        Ok(Layer {
            attention_norm: self.norm(&name("input_layernorm.weight"))?,
            attention: Attention {
                query: turned("self_attn.q_proj", self.config.heads)?,
                key: turned("self_attn.k_proj", self.config.kv_heads)?,
                value: linear("self_attn.v_proj")?,
                output: linear("self_attn.o_proj")?,
            },
            feed_forward_norm: self.norm(&name("post_attention_layernorm.weight"))?,
            gate: linear("mlp.gate_proj")?,
            up: linear("mlp.up_proj")?,
            down: linear("mlp.down_proj")?,
        })
    }

    fn norm(&self, name: &str) -> Result<RmsNorm> {
        let weight = self.view(name)?.to_f32()?;
        let epsilon = self.config.norm_epsilon;
        match self.options.precision {
            Precision::Plain => Ok(RmsNorm::plain(self.vector(weight), epsilon)),
            #[cfg(feature = "flex")]
            Precision::Packed => Ok(RmsNorm::fused(weight, epsilon)),
        }
    }

    /// The linear layer `name`. `turned` is the number of heads where rows may have to be put into rotate-half order.
    fn linear(&self, name: &str, turned: Option<usize>) -> Result<Linear> {
        let weight_name = format!("{name}.weight");
        let view = self.view(&weight_name)?;
        let heads = turned.filter(|_| self.source.rope_is_interleaved());
        let bias = self.source.get(&format!("{name}.bias"))?.map(|bias| bias.to_f32()).transpose()?;
        let bias = bias.map(|bias| match heads {
            Some(_) => reorder(&bias, 1, self.config.head_dim),
            None => bias,
        });
        let row_bytes = view.bytes.len() / view.shape[0];
        let reordered = heads.map(|_| reorder(view.bytes, row_bytes, self.config.head_dim));
        let view = TensorView { bytes: reordered.as_deref().unwrap_or(view.bytes), ..view };
        let linear = match self.options.precision {
            Precision::Plain => {
                Linear::Plain { weight: self.matrix(&view)?.transpose(), bias: bias.map(|bias| self.vector(bias)) }
            }
            #[cfg(feature = "flex")]
            Precision::Packed => Linear::Packed(Arc::new(PackedLinear::new(self.source.path(), &view, bias)?)),
        };
        self.source.forget(&weight_name);
        Ok(linear)
    }

    fn embedding_and_head(&self) -> Result<(Embedding, Option<Linear>)> {
        match self.options.precision {
            Precision::Plain => {
                let embedding = Embedding::Plain(self.matrix(&self.view(EMBEDDING)?)?);
                let head = if self.config.tied { None } else { Some(self.linear("lm_head", None)?) };
                Ok((embedding, head))
            }
            // The table stays in the file, whose rows are decoded as they are needed; as a head it is packed like any layer.
            #[cfg(feature = "flex")]
            Precision::Packed => {
                let dtype = self.view(EMBEDDING)?.dtype;
                let (source, name) = (self.source.clone(), EMBEDDING.to_owned());
                let mapped = Mapped { source, name, hidden: self.config.hidden, dtype };
                let head = self.linear(if self.config.tied { "model.embed_tokens" } else { "lm_head" }, None)?;
                Ok((Embedding::Mapped(mapped), Some(head)))
            }
        }
    }

    fn view(&self, name: &str) -> Result<TensorView<'_>> {
        let view = self.source.get(name)?;
        let view = view.ok_or_else(|| Error::format(self.source.path(), name, "a tensor", "nothing"))?;
        if self.options.scan
            && let Some(index) = view.first_not_finite()?
        {
            let model = self.source.path().display().to_string();
            return Err(Error::NotFinite { model, place: format!("tensor `{name}`"), index });
        }
        Ok(view)
    }

    fn vector(&self, values: Vec<f32>) -> Tensor<1> {
        let shape = [values.len()];
        Tensor::from_data(TensorData::new(values, shape), &self.options.device)
    }

    fn matrix(&self, view: &TensorView<'_>) -> Result<Tensor<2>> {
        let data = TensorData::new(view.to_f32()?, [view.shape[0], view.shape[1]]);
        Ok(Tensor::from_data(data, &self.options.device))
    }
}

/// Puts rows that were laid out for interleaved rotary pairs (GGUF files of the Llama family) into rotate-half order: row
/// `2j + t` of a head goes to row `t · head_dim / 2 + j`. Whole rows move, so that quantised blocks stay as they are.
fn reorder<T: Copy>(rows: &[T], row_len: usize, head_dim: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(rows.len());
    for head in rows.chunks_exact(row_len * head_dim) {
        for t in 0..2 {
            for j in 0..head_dim / 2 {
                let at = (2 * j + t) * row_len;
                out.extend_from_slice(&head[at..at + row_len]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::reorder;

    #[test]
    fn rows_of_interleaved_pairs_become_halves() {
        // One head of four rows of two numbers: pairs (0, 1) and (2, 3) → halves (0, 2) and (1, 3).
        assert_eq!(reorder(&[0, 0, 1, 1, 2, 2, 3, 3], 2, 4), [0, 0, 2, 2, 1, 1, 3, 3]);
    }
}
