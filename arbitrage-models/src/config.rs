//! A decoder's shape, read from `config.json` or from GGUF metadata, and checked before anything is allocated.

use std::path::Path;

use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::weights::{Gguf, WeightSource};

/// Everything that tells one decoder-only transformer of the Llama line from another. One decoder serves them all.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelConfig {
    /// The family's name in its own files: `llama`, `qwen2`, `mistral`.
    pub family: String,
    /// Tokens that the embedding and the head know, padding included.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of the feed-forward layer.
    pub feed_forward: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides [`heads`](Self::heads).
    pub kv_heads: usize,
    /// Width of a head, even.
    pub head_dim: usize,
    /// Most positions. A sliding window smaller than the trained context becomes the context, inside which the two agree.
    pub context: usize,
    /// Added to the mean square in RMSNorm.
    pub norm_epsilon: f32,
    /// Rotary encoding.
    pub rope: Rope,
    /// The head's weights are the embedding's.
    pub tied: bool,
}

/// Rotary position encoding (Su et al., arXiv 2104.09864), in the rotate-half layout of Hugging Face checkpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// Base of the wavelengths.
    pub theta: f64,
    /// How the wavelengths are stretched for long contexts.
    pub scaling: RopeScaling,
}

/// Stretching of the rotary wavelengths.
#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    /// As trained.
    None,
    /// Every position divided by `factor`.
    Linear {
        /// The divisor, greater than 0.
        factor: f64,
    },
    /// Llama 3.1's: long wavelengths are divided by `factor`, short ones kept, those between are blended.
    Llama3 {
        /// Divisor of the long wavelengths.
        factor: f64,
        /// Wavelengths above `original_context / low` are long.
        low: f64,
        /// Wavelengths below `original_context / high` are short.
        high: f64,
        /// Context before stretching, in positions.
        original_context: f64,
    },
    /// One divisor a frequency, `[head_dim / 2]`, as GGUF's `rope_freqs.weight` stores it.
    Factors(Vec<f32>),
}

impl Rope {
    /// Inverse wavelengths in radians a position, `[head_dim / 2]`.
    pub fn frequencies(&self, head_dim: usize) -> Vec<f64> {
        let plain = (0..head_dim / 2).map(|i| self.theta.powf(-2.0 * i as f64 / head_dim as f64));
        match &self.scaling {
            RopeScaling::None => plain.collect(),
            RopeScaling::Linear { factor } => plain.map(|f| f / factor).collect(),
            RopeScaling::Factors(factors) => plain.zip(factors).map(|(f, &by)| f / f64::from(by)).collect(),
            RopeScaling::Llama3 { factor, low, high, original_context } => {
                plain.map(|f| llama3(f, *factor, *low, *high, *original_context)).collect()
            }
        }
    }
}

fn llama3(frequency: f64, factor: f64, low: f64, high: f64, original: f64) -> f64 {
    let wavelength = std::f64::consts::TAU / frequency;
    if wavelength < original / high {
        frequency
    } else if wavelength > original / low {
        frequency / factor
    } else {
        let smooth = (original / wavelength - low) / (high - low);
        (1.0 - smooth) * frequency / factor + smooth * frequency
    }
}

/// Greatest size of any dimension. A declared size past it is a lie or a model far beyond this engine.
const GREATEST: usize = 1 << 24;

impl ModelConfig {
    /// Reads a Hugging Face `config.json`.
    ///
    /// # Errors
    /// [`Error::Format`] with a JSON pointer for a missing key, a wrong type, sizes that do not fit each other, an unknown
    /// `model_type` or rope scaling.
    pub fn from_json(path: &Path, text: &str) -> Result<Self> {
        let json: Json = serde_json::from_str(text)
            .map_err(|e| Error::format(path, format!("line {} column {}", e.line(), e.column()), "JSON", e))?;
        let read = JsonReader { path, json: &json };
        let family = read.text("/model_type")?;
        if !["llama", "mistral", "qwen2"].contains(&family) {
            return Err(Error::format(path, "/model_type", "llama, mistral or qwen2", family));
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
            head_dim: read.size_or("/head_dim", hidden / heads)?,
            context: read.context(family)?,
            norm_epsilon: read.positive("/rms_norm_eps", Some(1e-6))? as f32,
            rope: read.rope()?,
            tied: read.flag("/tie_word_embeddings", false)?,
        };
        config.check(path, "/")
    }

    /// Reads GGUF metadata.
    ///
    /// # Errors
    /// [`Error::Format`] naming the key, as for [`from_json`](Self::from_json).
    pub fn from_gguf(gguf: &Gguf) -> Result<Self> {
        let path = gguf.path();
        let family = gguf.str_of("general.architecture")?.to_owned();
        if !["llama", "qwen2"].contains(&family.as_str()) {
            return Err(Error::format(path, "general.architecture", "llama or qwen2", family));
        }
        let key = |name: &str| format!("{family}.{name}");
        let size = |name: &str| -> Result<usize> { Ok(gguf.u32_of(&key(name))? as usize) };
        let (hidden, heads) = (size("embedding_length")?, size("attention.head_count")?.max(1));
        let optional = |name: &str, other: usize| if gguf.metadata(&key(name)).is_some() { size(name) } else { Ok(other) };
        let theta = match gguf.metadata(&key("rope.freq_base")) {
            Some(_) => f64::from(gguf.f32_of(&key("rope.freq_base"))?),
            None => 10_000.0,
        };
        let config = Self {
            vocabulary: vocabulary_rows(gguf)?,
            hidden,
            feed_forward: size("feed_forward_length")?,
            layers: size("block_count")?,
            heads,
            kv_heads: optional("attention.head_count_kv", heads)?,
            head_dim: optional("attention.key_length", hidden / heads)?,
            context: size("context_length")?,
            norm_epsilon: gguf.f32_of(&key("attention.layer_norm_rms_epsilon"))?,
            rope: Rope { theta, scaling: gguf_scaling(gguf, &key("rope.scaling"))? },
            tied: gguf.get("lm_head.weight")?.is_none(),
            family: family.clone(),
        };
        config.check(path, "")
    }

    /// Refuses sizes that do not fit each other.
    fn check(self, path: &Path, prefix: &str) -> Result<Self> {
        let sizes = [
            ("vocabulary", self.vocabulary),
            ("hidden size", self.hidden),
            ("feed-forward size", self.feed_forward),
            ("layers", self.layers),
            ("heads", self.heads),
            ("key-value heads", self.kv_heads),
            ("head dimension", self.head_dim),
            ("context", self.context),
        ];
        if let Some((name, found)) = sizes.into_iter().find(|(_, size)| !(1..=GREATEST).contains(size)) {
            return Err(Error::format(path, format!("{prefix}{name}"), format!("1 to {GREATEST}"), found));
        }
        let wrong = |field: &str, expected: String, found: usize| {
            Err(Error::format(path, format!("{prefix}{field}"), expected, found))
        };
        if !self.heads.is_multiple_of(self.kv_heads) {
            return wrong("key-value heads", format!("a divisor of {} heads", self.heads), self.kv_heads);
        }
        if !self.head_dim.is_multiple_of(2) {
            return wrong("head dimension", "an even number".to_owned(), self.head_dim);
        }
        if let RopeScaling::Factors(factors) = &self.rope.scaling
            && factors.len() != self.head_dim / 2
        {
            return wrong("rope_freqs.weight", format!("{} factors", self.head_dim / 2), factors.len());
        }
        Ok(self)
    }

    /// Bytes of keys and values that one position takes, at `bytes` a number.
    pub fn cache_bytes_per_token(&self, bytes: usize) -> usize {
        2 * self.layers * self.kv_heads * self.head_dim * bytes
    }
}

/// Rows of the embedding: GGUF has no key for the padded size.
fn vocabulary_rows(gguf: &Gguf) -> Result<usize> {
    const EMBEDDING: &str = "model.embed_tokens.weight";
    match gguf.get(EMBEDDING)? {
        Some(view) if view.shape.len() == 2 => Ok(view.shape[0]),
        Some(view) => Err(Error::format(gguf.path(), EMBEDDING, "two dimensions", view.shape.len())),
        None => Err(Error::format(gguf.path(), EMBEDDING, "a tensor", "nothing")),
    }
}

fn gguf_scaling(gguf: &Gguf, key: &str) -> Result<RopeScaling> {
    if let Some(factors) = gguf.get("rope_freqs.weight")? {
        return Ok(RopeScaling::Factors(factors.to_f32()?));
    }
    let kind = format!("{key}.type");
    match gguf.metadata(&kind).map(|_| gguf.str_of(&kind)).transpose()? {
        None | Some("none") => Ok(RopeScaling::None),
        Some("linear") => Ok(RopeScaling::Linear { factor: f64::from(gguf.f32_of(&format!("{key}.factor"))?) }),
        Some(other) => Err(Error::format(gguf.path(), kind, "none or linear", other)),
    }
}

/// Typed access to `config.json` by JSON pointer.
struct JsonReader<'a> {
    path: &'a Path,
    json: &'a Json,
}

impl<'a> JsonReader<'a> {
    fn wrong<T>(&self, pointer: &str, expected: &str, found: Option<&Json>) -> Result<T> {
        let found = found.map_or_else(|| "nothing".to_owned(), |value| excerpt(&value.to_string()));
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
            Some(n) if (1..=GREATEST).contains(&n) => Ok(n),
            _ => self.wrong(pointer, &format!("a whole number from 1 to {GREATEST}"), value),
        }
    }

    fn size_or(&self, pointer: &str, other: usize) -> Result<usize> {
        self.get(pointer).map_or(Ok(other), |_| self.size(pointer))
    }

    fn positive(&self, pointer: &str, other: Option<f64>) -> Result<f64> {
        let value = self.get(pointer);
        match (value.and_then(Json::as_f64), other) {
            (Some(n), _) if n.is_finite() && n > 0.0 => Ok(n),
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
        // transformers 5 moved theta and scaling into one object.
        let nested = ["/rope_parameters", "/rope_scaling"].into_iter().find(|p| self.get(p).is_some());
        let theta = match nested.map(|n| format!("{n}/rope_theta")).filter(|p| self.get(p).is_some()) {
            Some(pointer) => self.positive(&pointer, None)?,
            None => self.positive("/rope_theta", Some(10_000.0))?,
        };
        let scaling = nested.map_or(Ok(RopeScaling::None), |at| self.scaling(at))?;
        Ok(Rope { theta, scaling })
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

/// Untrusted text, short enough for an error message.
fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}
