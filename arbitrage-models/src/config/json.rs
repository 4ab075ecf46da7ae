//! A decoder's shape from `config.json`.

mod layers;
mod long_rope;
mod rope;

use std::path::Path;

use arbitrage_core::text::excerpt;
use serde_json::Value as Json;

use super::family::ModelFamily;
use super::keys::{self, ConfigFormat};
use super::{
    Activation, ExpertsConfig, Field, MAX_DIMENSION, ModelConfig, is_positive, shared_head_dim, usual_attention_scale,
};
use crate::error::{Error, Result};
use crate::small_file::parse_json;
use crate::weights::FolderQuantisation;
use crate::weights::report::nearest;

impl ModelConfig {
    /// Reads a Hugging Face `config.json`.
    ///
    /// # Errors
    /// [`Error::Format`] with a JSON pointer for a missing key, one that comes twice, a wrong type, sizes that contradict each other,
    /// an unknown `model_type` or rope scaling, and for [keys] that would change the computation in a way that is not
    /// supported.
    pub fn from_json(path: &Path, text: &str) -> Result<Self> {
        let json = parse_json(path, text)?;
        let family = family(path, &json)?;
        let read = JsonReader { path, json: &json, family };
        read.check_keys()?;
        read.check_activation()?;
        let hidden = read.size("/hidden_size")?;
        let heads = read.size("/num_attention_heads")?;
        let layers = read.size("/num_hidden_layers")?;
        let head_dim = read.head_dim(hidden, heads)?;
        let rope = read.rope(head_dim)?;
        let (context, context_key) = read.context(&rope)?;
        let config = Self {
            family,
            vocabulary: read.size("/vocab_size")?,
            hidden,
            feed_forward: read.size("/intermediate_size")?,
            layers,
            heads,
            kv_heads: read.size_or("/num_key_value_heads", heads)?,
            head_dim,
            context,
            context_key: context_key.to_owned(),
            norm_epsilon: read.positive("/rms_norm_eps", Some(family.default_epsilon))? as f32,
            rope,
            local_rope: read.local_rope(head_dim)?,
            layer_attention: read.layer_attention(layers)?,
            attention_scale: read.attention_scale(head_dim)?,
            norm_offset: if family.centred_norms { 1.0 } else { 0.0 },
            experts: read.experts()?,
            tied: read.flag("/tie_word_embeddings")?.unwrap_or(family.default_tied),
            attention_bias: read.flag("/attention_bias")?,
            feed_forward_bias: read.flag("/mlp_bias")?,
            architecture: read.architecture()?,
        };
        config.check(path, |field| read.pointer(field))
    }
}

/// The family that the file names.
fn family(path: &Path, json: &Json) -> Result<&'static ModelFamily> {
    const POINTER: &str = "/model_type";
    let value = json.pointer(POINTER).filter(|value| !value.is_null());
    match value.and_then(Json::as_str) {
        None => Err(Error::format(path, POINTER, "a string", show(value))),
        Some(name) => {
            ModelFamily::by_name(name).ok_or_else(|| Error::format(path, POINTER, ModelFamily::names(), excerpt(name)))
        }
    }
}

/// A value in an error.
fn show(value: Option<&Json>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Json::String(text)) => format!("`{}`", excerpt(text)),
        Some(value) => excerpt(&value.to_string()),
    }
}

/// Typed access to `config.json` by JSON pointer.
struct JsonReader<'a> {
    path: &'a Path,
    json: &'a Json,
    family: &'static ModelFamily,
}

impl<'a> JsonReader<'a> {
    fn wrong<T>(&self, pointer: &str, expected: &str, found: Option<&Json>) -> Result<T> {
        Err(Error::format(self.path, pointer, expected, show(found)))
    }

    /// The value at `pointer`; JSON's `null` counts as absent.
    fn get(&self, pointer: &str) -> Option<&'a Json> {
        self.json.pointer(pointer).filter(|value| !value.is_null())
    }

    fn text(&self, pointer: &str) -> Result<&'a str> {
        let value = self.get(pointer);
        value.and_then(Json::as_str).map_or_else(|| self.wrong(pointer, "a string", value), Ok)
    }

    fn size(&self, pointer: &str) -> Result<usize> {
        let value = self.get(pointer);
        match value.and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok()) {
            Some(n) if (1..=MAX_DIMENSION).contains(&n) => Ok(n),
            _ => self.wrong(pointer, &format!("a whole number from 1 to {MAX_DIMENSION}"), value),
        }
    }

    fn optional_size(&self, pointer: &str) -> Result<Option<usize>> {
        self.get(pointer).map(|_| self.size(pointer)).transpose()
    }

    fn size_or(&self, pointer: &str, other: usize) -> Result<usize> {
        self.get(pointer).map_or(Ok(other), |_| self.size(pointer))
    }

    fn head_dim(&self, hidden: usize, heads: usize) -> Result<usize> {
        match (self.get("/head_dim"), self.family.default_head_dim) {
            (Some(_), _) => self.size("/head_dim"),
            (None, Some(width)) => Ok(width),
            (None, None) => shared_head_dim(self.path, "/num_attention_heads".to_owned(), hidden, heads),
        }
    }

    fn positive(&self, pointer: &str, other: Option<f64>) -> Result<f64> {
        let value = self.get(pointer);
        match (value.and_then(Json::as_f64), other) {
            (Some(n), _) if is_positive(n) => Ok(n),
            (None, Some(other)) if value.is_none() => Ok(other),
            _ => self.wrong(pointer, "a number above 0", value),
        }
    }

    fn flag(&self, pointer: &str) -> Result<Option<bool>> {
        let value = self.get(pointer);
        match value {
            None => Ok(None),
            Some(Json::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => self.wrong(pointer, "true or false", value),
        }
    }

    /// Refuses keys that would change the computation in a way that is not supported.
    fn check_keys(&self) -> Result<()> {
        let is_own = |key: &str| self.family.json_keys.contains(&key);
        for (key, value) in self.json.as_object().into_iter().flatten().filter(|(key, _)| !is_own(key)) {
            let pointer = || format!("/{}", excerpt(&key.replace('~', "~0").replace('/', "~1")));
            match keys::group(ConfigFormat::Json, key) {
                _ if key == "quantization_config" && FolderQuantisation::of_config(self.json).is_some() => {}
                Some(group) if !group.rule.admits(value) => {
                    return self.wrong(&pointer(), &group.expected(), Some(value));
                }
                None if keys::sounds_mathematical(key) && !keys::is_off(value) => {
                    let near = nearest(key, keys::names(ConfigFormat::Json));
                    let hint = near.map_or_else(String::new, |near| format!(", such as `{near}`"));
                    let expected =
                        format!("a key that is known, since this one may change what the model computes{hint}");
                    return self.wrong(&pointer(), &expected, Some(value));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Refuses another activation than the family's, where the family has a key of its own for it.
    fn check_activation(&self) -> Result<()> {
        const POINTER: &str = "/hidden_activation";
        match (self.family.activation, self.get(POINTER)) {
            (Activation::GeluTanh, Some(name)) if name != "gelu_pytorch_tanh" => {
                self.wrong(POINTER, "`gelu_pytorch_tanh`, since other activations are not supported yet", Some(name))
            }
            _ => Ok(()),
        }
    }

    /// What products of queries and keys are multiplied by.
    fn attention_scale(&self, head_dim: usize) -> Result<f32> {
        match self.family.default_query_scalar {
            None => Ok(usual_attention_scale(head_dim)),
            scalar => Ok(self.positive("/query_pre_attn_scalar", scalar)?.powf(-0.5) as f32),
        }
    }

    /// The experts of every layer, in families that have them.
    fn experts(&self) -> Result<Option<ExpertsConfig>> {
        const EXPERT_BIAS: &str = "/mlp_bias";
        const SPARSE_STEP: &str = "/decoder_sparse_step";
        const DENSE_LAYERS: &str = "/mlp_only_layers";
        if !self.family.has_experts {
            return Ok(None);
        }
        if self.flag(EXPERT_BIAS)? == Some(true) {
            return self.wrong(
                EXPERT_BIAS,
                "false, since experts with biases are not supported yet",
                self.get(EXPERT_BIAS),
            );
        }
        if self.size_or(SPARSE_STEP, 1)? != 1 {
            return self.wrong(
                SPARSE_STEP,
                "1, since layers without experts are not supported yet",
                self.get(SPARSE_STEP),
            );
        }
        if let Some(layers) = self.get(DENSE_LAYERS).filter(|layers| !layers.as_array().is_some_and(Vec::is_empty)) {
            let expected = "an empty list, since layers without experts are not supported yet";
            return self.wrong(DENSE_LAYERS, expected, Some(layers));
        }
        Ok(Some(ExpertsConfig {
            count: self.size("/num_experts")?,
            chosen: self.size("/num_experts_per_tok")?,
            width: self.size("/moe_intermediate_size")?,
            is_normalised: self.flag("/norm_topk_prob")?.unwrap_or(false),
        }))
    }

    /// The class that wrote the checkpoint, which is one of the family's.
    fn architecture(&self) -> Result<Option<String>> {
        const POINTER: &str = "/architectures";
        let Some(list) = self.get(POINTER) else { return Ok(None) };
        let family = self.family;
        let of_family =
            |class: &str| class.get(..family.class.len()).is_some_and(|start| start.eq_ignore_ascii_case(family.class));
        match list.as_array().map(Vec::as_slice) {
            Some([]) => Ok(None),
            Some([Json::String(class)]) if of_family(class) => Ok(Some(class.clone())),
            _ => self.wrong(POINTER, &format!("a list of one class of the family {}", family.name), Some(list)),
        }
    }

    fn pointer(&self, field: Field) -> String {
        let pointer = match field {
            Field::Vocabulary => "/vocab_size",
            Field::Hidden => "/hidden_size",
            Field::FeedForward => "/intermediate_size",
            Field::Layers => "/num_hidden_layers",
            Field::Heads => "/num_attention_heads",
            Field::KvHeads => "/num_key_value_heads",
            Field::HeadDim => "/head_dim",
            Field::Context => "/max_position_embeddings",
            Field::Experts => "/num_experts",
            Field::ChosenExperts => "/num_experts_per_tok",
            Field::ExpertWidth => "/moe_intermediate_size",
            Field::Epsilon => "/rms_norm_eps",
            Field::Theta => "/rope_theta",
            Field::LocalTheta => "/rope_local_base_freq",
            Field::RotaryWidth => return self.partial_pointer(self.nested_rope()),
            Field::Scaling => return self.scaling_pointer(""),
            Field::ShortFactors => return self.scaling_pointer("/short_factor"),
            Field::LongFactors => return self.scaling_pointer("/long_factor"),
            Field::AttentionFactor => return self.scaling_pointer("/attention_factor"),
        };
        pointer.to_owned()
    }

    /// Where a part of the scaling of rotary wavelengths is.
    fn scaling_pointer(&self, part: &str) -> String {
        format!("{}{part}", self.nested_rope().unwrap_or("/rope_scaling"))
    }
}
