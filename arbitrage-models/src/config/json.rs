//! A decoder's shape from `config.json`.

use std::path::Path;

use arbitrage_core::text::excerpt;
use serde_json::Value as Json;

use super::{Field, MAX_DIMENSION, ModelConfig, Rope, RopeScaling, is_positive, shared_head_dim};
use crate::error::{Error, Result};
use crate::small_file::parse_json;

impl ModelConfig {
    /// Reads a Hugging Face `config.json`.
    ///
    /// # Errors
    /// [`Error::Format`] with a JSON pointer for a missing key, a wrong type, sizes that contradict each other, an unknown
    /// `model_type` or rope scaling.
    pub fn from_json(path: &Path, text: &str) -> Result<Self> {
        let json = parse_json(path, text)?;
        let read = JsonReader { path, json: &json };
        let family = read.text("/model_type")?;
        if !["llama", "mistral", "qwen2"].contains(&family) {
            return Err(Error::format(path, "/model_type", "llama, mistral or qwen2", excerpt(family)));
        }
        let hidden = read.size("/hidden_size")?;
        let heads = read.size("/num_attention_heads")?;
        let config = Self {
            family: family.to_owned(),
            vocabulary: read.size("/vocab_size")?,
            hidden,
            feed_forward: read.size("/intermediate_size")?,
            layers: read.size("/num_hidden_layers")?,
            heads,
            kv_heads: read.size_or("/num_key_value_heads", heads)?,
            head_dim: read.head_dim(hidden, heads)?,
            context: read.context(family)?,
            norm_epsilon: read.positive("/rms_norm_eps", Some(1e-6))? as f32,
            rope: read.rope()?,
            tied: read.flag("/tie_word_embeddings", false)?,
        };
        config.check(path, |field| read.pointer(field))
    }
}

/// Typed access to `config.json` by JSON pointer.
struct JsonReader<'a> {
    path: &'a Path,
    json: &'a Json,
}

impl<'a> JsonReader<'a> {
    fn wrong<T>(&self, pointer: &str, expected: &str, found: Option<&Json>) -> Result<T> {
        let found = match found {
            None => "nothing".to_owned(),
            Some(Json::String(text)) => format!("`{}`", excerpt(text)),
            Some(value) => excerpt(&value.to_string()),
        };
        Err(Error::format(self.path, pointer, expected, found))
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

    fn size_or(&self, pointer: &str, other: usize) -> Result<usize> {
        self.get(pointer).map_or(Ok(other), |_| self.size(pointer))
    }

    fn head_dim(&self, hidden: usize, heads: usize) -> Result<usize> {
        match self.get("/head_dim") {
            Some(_) => self.size("/head_dim"),
            None => shared_head_dim(self.path, "/num_attention_heads".to_owned(), hidden, heads),
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

    fn flag(&self, pointer: &str, other: bool) -> Result<bool> {
        let value = self.get(pointer);
        match value {
            None => Ok(other),
            Some(Json::Bool(flag)) => Ok(*flag),
            Some(_) => self.wrong(pointer, "true or false", value),
        }
    }

    fn context(&self, family: &str) -> Result<usize> {
        let context = self.size("/max_position_embeddings")?;
        let windowed = family == "mistral" || self.flag("/use_sliding_window", false)?;
        Ok(if windowed { context.min(self.size_or("/sliding_window", context)?) } else { context })
    }

    fn rope(&self) -> Result<Rope> {
        let nested = self.nested_rope();
        let theta = match nested.map(|n| format!("{n}/rope_theta")).filter(|p| self.get(p).is_some()) {
            Some(pointer) => self.positive(&pointer, None)?,
            None => self.positive("/rope_theta", Some(10_000.0))?,
        };
        let scaling = nested.map_or(Ok(RopeScaling::None), |at| self.scaling(at))?;
        Ok(Rope { theta, scaling })
    }

    /// The object that holds the scaling, and since transformers 5 theta too.
    fn nested_rope(&self) -> Option<&'static str> {
        ["/rope_parameters", "/rope_scaling"].into_iter().find(|pointer| self.get(pointer).is_some())
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
            Field::Epsilon => "/rms_norm_eps",
            Field::Theta => "/rope_theta",
            Field::Scaling => self.nested_rope().unwrap_or("/rope_scaling"),
        };
        pointer.to_owned()
    }

    fn scaling(&self, at: &str) -> Result<RopeScaling> {
        let key = |name: &str| format!("{at}/{name}");
        let kind = [key("rope_type"), key("type")].into_iter().find(|p| self.get(p).is_some());
        let kind = kind.unwrap_or_else(|| key("rope_type"));
        match self.text(&kind)? {
            "default" => Ok(RopeScaling::None),
            "linear" => Ok(RopeScaling::Linear { factor: self.positive(&key("factor"), None)? }),
            "llama3" => Ok(RopeScaling::Llama3 {
                factor: self.positive(&key("factor"), None)?,
                low: self.positive(&key("low_freq_factor"), None)?,
                high: self.positive(&key("high_freq_factor"), None)?,
                original_context: self.positive(&key("original_max_position_embeddings"), None)?,
            }),
            other => Err(Error::format(self.path, kind, "default, linear or llama3", excerpt(other))),
        }
    }
}
