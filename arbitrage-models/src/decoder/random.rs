//! Decoders with random weights, drawn where they are used: measuring a shape needs neither its file nor room for one on the host.

#[cfg(feature = "flex")]
use std::path::Path;
#[cfg(feature = "flex")]
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn::tensor::{Distribution, FloatDType, Tensor};

use super::attention::Attention;
use super::cache::Caches;
use super::embedding::Embedding;
use super::experts::Experts;
use super::feed_forward::{FeedForward, GatedFeedForward};
#[cfg(feature = "flex")]
use super::fused::PackedLinear;
use super::layer::DecoderLayer;
use super::linear::Linear;
use super::norm::RmsNorm;
use super::options::{LoadOptions, Precision};
use super::rope::RopeFrequencies;
use super::{Backbone, Decoder};
use crate::config::ModelConfig;
use crate::error::Result;
#[cfg(feature = "flex")]
use crate::weights::{DType, Rows, TensorView};

impl Decoder {
    /// A decoder of shape `config` with weights drawn on the options' device: it costs what a trained one costs, and
    /// writes nonsense. Entries are uniform with variance `1 / in`, so that products are about as large as what goes in and states stay
    /// finite; norms are 1, biases 0. Packed weights are f16. Equal seeds give equal weights on one kind of device.
    ///
    /// The options that change a file's weights (`scan`, `weights`) have nothing to work on, and are ignored.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) for a [context](LoadOptions::with_context) that the shape does not allow;
    /// [`Error::Device`](crate::Error::Device) where the device lacks half precision that is asked for; those of packing.
    pub fn random(config: ModelConfig, options: &LoadOptions, seed: u64) -> Result<Self> {
        options.precision.check_environment()?;
        let config = options.bounded(config)?;
        options.device.seed(seed);
        let random = RandomWeights { config: &config, options, dtype: options.precision.dtype(&options.device)? };
        let shape = [config.vocabulary, config.hidden];
        let table = random.matrix(shape);
        let head = match config.tied {
            true if options.precision.is_plain() => None,
            true => Some(random.linear(table.clone(), false)?),
            false => Some(random.random_linear(shape, false)?),
        };
        let backbone = Backbone {
            name: format!("random {}", config.family.name),
            embedding: Embedding::Plain(table),
            layers: (0..config.layers).map(|_| random.layer()).collect::<Result<_>>()?,
            norm: random.norm(random.config.hidden),
            frequencies: RopeFrequencies::of(&config),
            device: options.device.clone(),
            caches: Caches::new(&config, options)?,
            checked: AtomicBool::new(false),
            #[cfg(feature = "flex")]
            buffers: super::packed_pass::PassBuffers::default(),
            config,
        };
        Ok(Self { backbone, head })
    }
}

struct RandomWeights<'a> {
    config: &'a ModelConfig,
    options: &'a LoadOptions,
    /// Of burn tensors.
    dtype: FloatDType,
}

impl RandomWeights<'_> {
    fn layer(&self) -> Result<DecoderLayer> {
        let &ModelConfig { hidden, feed_forward: inner, heads, kv_heads, head_dim, .. } = self.config;
        let [q, kv] = [heads, kv_heads].map(|heads| heads * head_dim);
        let family = self.config.family;
        let biased = family.qkv_biases;
        let norms = |width: usize| [self.norm(width), self.norm(width)];
        Ok(DecoderLayer {
            attention_norm: self.norm(hidden),
            attention: Attention {
                query: self.random_linear([q, hidden], biased)?,
                key: self.random_linear([kv, hidden], biased)?,
                value: self.random_linear([kv, hidden], biased)?,
                output: self.random_linear([hidden, q], false)?,
                head_norms: family.head_norms.then(|| norms(head_dim)),
            },
            post_norms: family.post_norms.then(|| norms(hidden)),
            feed_forward_norm: self.norm(hidden),
            feed_forward: match self.config.experts {
                None => FeedForward::Dense(self.gated(inner)?),
                Some(config) => FeedForward::Experts(Experts {
                    router: self.random_linear([config.count, hidden], false)?,
                    experts: (0..config.count).map(|_| self.gated(config.width)).collect::<Result<_>>()?,
                    config,
                }),
            },
        })
    }

    /// A feed-forward part of this width.
    fn gated(&self, inner: usize) -> Result<GatedFeedForward> {
        let &ModelConfig { hidden, family, .. } = self.config;
        Ok(GatedFeedForward {
            gate: self.random_linear([inner, hidden], false)?,
            up: self.random_linear([inner, hidden], false)?,
            activation: family.activation,
            down: self.random_linear([hidden, inner], false)?,
        })
    }

    fn random_linear(&self, shape: [usize; 2], biased: bool) -> Result<Linear> {
        self.linear(self.matrix(shape), biased)
    }

    /// A layer of `weight`, `[out, in]`, in the form that the loader gives it.
    fn linear(&self, weight: Tensor<2>, biased: bool) -> Result<Linear> {
        match self.options.precision {
            Precision::Plain | Precision::Half => {
                let bias = biased.then(|| Tensor::zeros([weight.dims()[0]], &self.options.device));
                Ok(Linear::Plain { weight: weight.transpose(), bias })
            }
            #[cfg(feature = "flex")]
            Precision::Packed => packed(weight, biased).map(|linear| Linear::Packed(Arc::new(linear))),
        }
    }

    /// `[out, in]`.
    fn matrix(&self, shape: [usize; 2]) -> Tensor<2> {
        let reach = (3.0 / shape[1] as f64).sqrt();
        let values = Tensor::<2>::random(shape, Distribution::Uniform(-reach, reach), &self.options.device);
        values.cast(self.dtype)
    }

    fn norm(&self, width: usize) -> RmsNorm {
        let epsilon = self.config.norm_epsilon;
        match self.options.precision {
            Precision::Plain | Precision::Half => RmsNorm::plain(Tensor::ones([width], &self.options.device), epsilon),
            #[cfg(feature = "flex")]
            Precision::Packed => RmsNorm::fused(vec![1.0; width], epsilon),
        }
    }
}

#[cfg(feature = "flex")]
fn packed(weight: Tensor<2>, biased: bool) -> Result<PackedLinear> {
    let shape = weight.dims();
    let halves = weight.into_data_as::<half::f16>();
    let view = TensorView { name: "weight", dtype: DType::F16, shape: &shape, bytes: halves.as_bytes() };
    let rows = Rows::of(Path::new("random"), view)?;
    PackedLinear::new(&rows, biased.then(|| vec![0.0; shape[0]]), None, |_| ())
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::decoder::{Outputs, Span};
    use burn::tensor::Device;

    fn config(family: &str, tied: bool) -> ModelConfig {
        let mut json = serde_json::json!({
            "model_type": family, "vocab_size": 96, "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "tie_word_embeddings": tied,
        });
        if family == "qwen3_moe" {
            let experts = [("num_experts", 6), ("num_experts_per_tok", 2), ("moe_intermediate_size", 32)];
            experts.into_iter().for_each(|(key, value)| json[key] = value.into());
        }
        ModelConfig::from_json(Path::new("config.json"), &json.to_string()).unwrap()
    }

    fn logits(config: ModelConfig, precision: Precision, seed: u64) -> Vec<f32> {
        let options = LoadOptions::new(Device::flex()).with_precision(precision);
        let decoder = Decoder::random(config, &options, seed).unwrap();
        let mut cache = decoder.cache();
        let output =
            decoder.forward(&mut [Span { cache: &mut cache, tokens: &[5, 90, 3], outputs: Outputs::All }]).unwrap();
        output.unwrap().logits.into_data_as::<f32>().try_into_vec::<f32>().unwrap()
    }

    /// One test, since the seed is the device's, and tests run side by side.
    #[test]
    fn seeds_determine_weights_which_are_the_same_in_either_form() {
        for (family, tied) in [("qwen2", false), ("llama", true), ("gemma3_text", true), ("qwen3_moe", false)] {
            let config = config(family, tied);
            let plain = logits(config.clone(), Precision::Plain, 1);
            assert!(plain.len() == 3 * 96 && plain.iter().all(|logit| logit.is_finite()));
            assert!(plain.iter().any(|logit| logit.abs() > 0.1), "{plain:?}");
            assert_ne!(plain, logits(config.clone(), Precision::Plain, 2));
            for precision in [Precision::Half, Precision::Packed] {
                let other = logits(config.clone(), precision, 1);
                assert_eq!(other, logits(config.clone(), precision, 1));
                let far = |(a, b): (&f32, &f32)| (a - b).abs() > 0.1;
                assert!(!plain.iter().zip(&other).any(far), "{precision:?} {plain:?} {other:?}");
            }
        }
    }
}
