//! A decoder's shape from GGUF metadata.

use arbitrage_core::text::excerpt;
use serde_json::Value as Json;

use super::family::ModelFamily;
use super::family::WindowUse;
use super::keys::{self, ConfigFormat};
use super::{
    ExpertsConfig, Field, LayerAttention, ModelConfig, Rope, RopeScaling, Yarn, shared_head_dim, usual_attention_scale,
};
use crate::error::{Error, Result};
use crate::weights::gguf::{Metadata, MetadataValue};
use crate::weights::report::nearest;
use crate::weights::{Gguf, WeightSource};

const EMBEDDING_TENSOR: &str = "model.embed_tokens.weight";
const FACTORS_TENSOR: &str = "rope_freqs.weight";
const SCALING_KIND: &str = "rope.scaling.type";
const SCALING_FACTOR: &str = "rope.scaling.factor";
const WINDOW: &str = "attention.sliding_window";
const PATTERN: &str = "attention.sliding_window_pattern";
const LOCAL_THETA: &str = "rope.freq_base_swa";
const GEMMA_27B_LAYERS: usize = 62;
const EXPERTS: &str = "expert_count";
const CHOSEN_EXPERTS: &str = "expert_used_count";
const EXPERT_WIDTH: &str = "expert_feed_forward_length";
const YARN_BETAS: [&str; 2] = ["rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow"];

impl ModelConfig {
    /// [`attention_scale`](Self::attention_scale) as a GGUF file of this shape would have it.
    #[cfg(feature = "burn")]
    pub(crate) fn gguf_attention_scale(&self) -> f32 {
        attention_scale(self.family, self.layers, self.hidden, self.heads, self.head_dim)
    }

    /// Reads GGUF metadata.
    ///
    /// # Errors
    /// [`Error::Format`] naming the key, as for [`from_json`](Self::from_json).
    pub fn from_gguf(gguf: &Gguf) -> Result<Self> {
        let path = gguf.path();
        let name = gguf.str_of("general.architecture")?;
        let Some(family) = ModelFamily::by_gguf(name) else {
            return Err(Error::format(path, "general.architecture", ModelFamily::gguf_names(), excerpt(name)));
        };
        check_keys(gguf, family)?;
        let read = GgufReader { gguf, metadata: gguf.all_metadata(), family };
        let key = |name: &str| read.key(name);
        let (hidden, heads) = (read.size("embedding_length")?, read.size("attention.head_count")?);
        let (context, context_key) = read.context()?;
        let layers = read.size("block_count")?;
        let head_dim = match read.optional_size("attention.key_length")? {
            Some(width) => width,
            None => shared_head_dim(path, key("attention.head_count"), hidden, heads)?,
        };
        let config = Self {
            vocabulary: vocabulary_rows(gguf)?,
            hidden,
            feed_forward: read.size("feed_forward_length")?,
            layers,
            heads,
            kv_heads: read.optional_size("attention.head_count_kv")?.unwrap_or(heads),
            head_dim,
            context,
            context_key,
            norm_epsilon: gguf.f32_of(&key("attention.layer_norm_rms_epsilon"))?,
            rope: Rope { theta: read.optional_float("rope.freq_base")?.unwrap_or(10_000.0), scaling: read.scaling()? },
            local_rope: read.local_rope()?,
            layer_attention: read.layer_attention(layers)?,
            attention_scale: attention_scale(family, layers, hidden, heads, head_dim),
            norm_offset: 0.0,
            experts: read.experts()?,
            tied: gguf.get("lm_head.weight")?.is_none(),
            attention_bias: None,
            feed_forward_bias: None,
            architecture: None,
            family,
        };
        read.check_widths(&config)?;
        let scaling_is_a_tensor = matches!(config.rope.scaling, RopeScaling::Factors(_));
        config.check(path, |field| match field {
            Field::Vocabulary => gguf.name_in_file(EMBEDDING_TENSOR),
            Field::Scaling if scaling_is_a_tensor => FACTORS_TENSOR.to_owned(),
            Field::Scaling => key("rope.scaling.factor"),
            Field::Hidden => key("embedding_length"),
            Field::FeedForward => key("feed_forward_length"),
            Field::Layers => key("block_count"),
            Field::Heads => key("attention.head_count"),
            Field::KvHeads => key("attention.head_count_kv"),
            Field::HeadDim => key("attention.key_length"),
            Field::Context => key("context_length"),
            Field::Experts => key(EXPERTS),
            Field::ChosenExperts => key(CHOSEN_EXPERTS),
            Field::ExpertWidth => key(EXPERT_WIDTH),
            Field::Epsilon => key("attention.layer_norm_rms_epsilon"),
            Field::Theta => key("rope.freq_base"),
            Field::LocalTheta => key(LOCAL_THETA),
        })
    }
}

/// What products of queries and keys are multiplied by. No key says it: as in llama.cpp, Gemma 3 of 27B is known by its layers.
fn attention_scale(family: &ModelFamily, layers: usize, hidden: usize, heads: usize, head_dim: usize) -> f32 {
    let is_gemma_27b = family.default_query_scalar.is_some() && layers == GEMMA_27B_LAYERS;
    usual_attention_scale(if is_gemma_27b { hidden / heads.max(1) } else { head_dim })
}

/// Typed access to the keys below the architecture's name.
struct GgufReader<'a> {
    gguf: &'a Gguf,
    metadata: &'a Metadata,
    family: &'static ModelFamily,
}

impl GgufReader<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.family.gguf)
    }

    fn size(&self, name: &str) -> Result<usize> {
        Ok(self.metadata.u32_of(&self.key(name))? as usize)
    }

    fn optional_size(&self, name: &str) -> Result<Option<usize>> {
        Ok(self.metadata.optional(&self.key(name), Metadata::u32_of)?.map(|size| size as usize))
    }

    fn optional_float(&self, name: &str) -> Result<Option<f64>> {
        Ok(self.metadata.optional(&self.key(name), Metadata::f32_of)?.map(f64::from))
    }

    fn wrong<T>(&self, name: &str, expected: impl ToString, found: impl ToString) -> Result<T> {
        Err(Error::format(self.gguf.path(), self.key(name), expected, found))
    }

    /// The most positions, and the key that sets them. llama.cpp has no windows in most families, so that a file's window bounds them.
    fn context(&self) -> Result<(usize, String)> {
        let (trained, key) = (self.size("context_length")?, self.key("context_length"));
        match self.window()? {
            Some(window) if window < trained && !self.has_windows() => Ok((window, self.key(WINDOW))),
            _ => Ok((trained, key)),
        }
    }

    /// The window of attention. One of 0 is none.
    fn window(&self) -> Result<Option<usize>> {
        Ok(self.optional_size(WINDOW)?.filter(|window| *window > 0))
    }

    /// Whether some of the family's layers have a window.
    fn has_windows(&self) -> bool {
        self.family.window == WindowUse::WhereLocal
    }

    /// How each layer attends.
    fn layer_attention(&self, layers: usize) -> Result<Vec<LayerAttention>> {
        // No file of any family says which layers do not rotate.
        let unrotated = ModelFamily::every(self.family.unrotated_every, layers);
        let window = if self.has_windows() { self.window()? } else { None };
        let windowed = if window.is_some() { self.windowed_layers(layers)? } else { vec![false; unrotated.len()] };
        Ok(LayerAttention::of_layers(self.family, unrotated, windowed, window))
    }

    /// Whether each layer has a window, in a file with one.
    fn windowed_layers(&self, layers: usize) -> Result<Vec<bool>> {
        let every = match self.metadata.get(&self.key(PATTERN)) {
            Some(MetadataValue::Array(list)) => {
                let flags: Vec<bool> = list.scalars().filter_map(|flag| Some(flag.as_integer()? != 0)).collect();
                return match flags.len() == layers && list.len() == layers {
                    true => Ok(flags),
                    false => self.wrong(PATTERN, format!("a flag for each of {layers} layers"), list.len()),
                };
            }
            Some(_) => Some(self.size(PATTERN)?),
            None => self.family.global_every,
        };
        Ok(ModelFamily::every(every, layers).into_iter().map(|is_global| !is_global).collect())
    }

    /// Rotary encoding of the layers with a window.
    fn local_rope(&self) -> Result<Option<Rope>> {
        let Some(other) = self.family.default_local_theta else { return Ok(None) };
        let theta = self.optional_float(LOCAL_THETA)?.unwrap_or(other);
        Ok(Some(Rope { theta, scaling: RopeScaling::None }))
    }

    /// The experts of every layer, as llama.cpp reads them: their weights always add up to 1.
    fn experts(&self) -> Result<Option<ExpertsConfig>> {
        if !self.family.has_experts {
            return Ok(None);
        }
        let (count, chosen) = (self.size(EXPERTS)?, self.size(CHOSEN_EXPERTS)?);
        let width = match self.optional_size(EXPERT_WIDTH)? {
            Some(width) => width,
            None => self.size("feed_forward_length")?.checked_div(chosen).unwrap_or(0),
        };
        Ok(Some(ExpertsConfig { count, chosen, width, is_normalised: true }))
    }

    /// Refuses values of another width than keys, and rotary encoding of a part of a head.
    fn check_widths(&self, config: &ModelConfig) -> Result<()> {
        for (name, why) in [
            ("attention.value_length", "the width of keys"),
            ("rope.dimension_count", "the width of a head, since partial rotary encoding is not supported yet"),
        ] {
            if let Some(found) = self.optional_size(name)?
                && found != config.head_dim
            {
                return self.wrong(name, format!("{}, {why}", config.head_dim), found);
            }
        }
        Ok(())
    }

    /// YaRN as llama.cpp reads it; `None` for another kind of scaling.
    fn yarn(&self) -> Result<Option<Yarn>> {
        if self.metadata.optional(&self.key(SCALING_KIND), Metadata::str_of)? != Some("yarn") {
            let beta = YARN_BETAS.into_iter().find(|name| self.metadata.get(&self.key(name)).is_some());
            let expected = format!("no such key, since {} is not yarn", self.key(SCALING_KIND));
            return beta.map_or(Ok(None), |beta| self.wrong(beta, expected, "one"));
        }
        let original = self.optional_size("rope.scaling.original_context_length")?;
        let original = original.map_or_else(|| self.size("context_length"), Ok)?;
        let factor = self.metadata.f32_of(&self.key(SCALING_FACTOR))?;
        let plain = Yarn::new(f64::from(factor), original as f64);
        let [beta_fast, beta_slow] = YARN_BETAS.map(|name| self.optional_float(name));
        Ok(Some(Yarn {
            beta_fast: beta_fast?.unwrap_or(plain.beta_fast),
            beta_slow: beta_slow?.unwrap_or(plain.beta_slow),
            ..plain
        }))
    }

    /// As llama.cpp reads it: without a type a factor is that of linear scaling, the key of old files stands in for a missing factor,
    /// and the factors of the tensor apply as well.
    fn scaling(&self) -> Result<RopeScaling> {
        if let Some(yarn) = self.yarn()? {
            return match self.gguf.get(FACTORS_TENSOR)? {
                None => Ok(RopeScaling::Yarn(yarn)),
                Some(_) => {
                    self.wrong(SCALING_KIND, format!("none or linear beside a tensor `{FACTORS_TENSOR}`"), "yarn")
                }
            };
        }
        let linear = self.linear_factor()?;
        let Some(factors) = self.gguf.get(FACTORS_TENSOR)? else {
            return Ok(linear.map_or(RopeScaling::None, |factor| RopeScaling::Linear { factor }));
        };
        let by = linear.unwrap_or(1.0);
        if !super::is_positive(by) {
            return self.wrong("rope.scaling.factor", "a number above 0", by);
        }
        Ok(RopeScaling::Factors(factors.to_f32()?.into_iter().map(|factor| (f64::from(factor) * by) as f32).collect()))
    }

    fn linear_factor(&self) -> Result<Option<f64>> {
        let kind = self.key(SCALING_KIND);
        let factor = self.optional_float(SCALING_FACTOR)?;
        let factor = factor.map_or_else(|| self.optional_float("rope.scale_linear"), |factor| Ok(Some(factor)))?;
        match self.metadata.optional(&kind, Metadata::str_of)? {
            Some("none") => Ok(None),
            Some("linear") => {
                factor.map_or_else(|| self.metadata.f32_of(&self.key(SCALING_FACTOR)).map(f64::from), Ok).map(Some)
            }
            // llama.cpp writes 0 where there is no scaling.
            None => Ok(factor.filter(|factor| *factor != 0.0)),
            Some(other) => self.wrong(
                SCALING_KIND,
                "none, linear or yarn, since other scaling is not supported yet",
                excerpt(other),
            ),
        }
    }
}

/// Keys that only a file with a classifier's head may have.
const LABELS: &str = "classifier.output_labels";
const POOLING: &str = "pooling_type";
/// The head's tensor.
const CLASSIFIER_TENSOR: &str = "cls.output.weight";

/// Whether a key below the architecture's name describes the head of a classifier whose outputs belong to single tokens (0, none) or, as a
/// sequence classifier's, to the last one (4, rank).
fn describes_classifier(key: &str, value: &MetadataValue) -> bool {
    key == LABELS || key == POOLING && matches!(value.as_integer(), Some(0 | 4))
}

/// Refuses keys that would change the computation in a way that is not supported, and unknown ones below the architecture's name.
fn check_keys(gguf: &Gguf, family: &ModelFamily) -> Result<()> {
    let is_classifier = gguf.get(CLASSIFIER_TENSOR)?.is_some();
    for (key, value) in gguf.all_metadata().iter() {
        let own = key.strip_prefix(family.gguf).and_then(|rest| rest.strip_prefix('.'));
        let wrong = |expected: String| Err(Error::format(gguf.path(), excerpt(key), expected, value));
        if own.is_some_and(|own| family.gguf_keys.contains(&own)) {
            continue;
        }
        match keys::group(ConfigFormat::Gguf, own.unwrap_or(key)) {
            Some(group) if group.rule.admits(&as_json(value)) => {}
            Some(_) if is_classifier && own.is_some_and(|own| describes_classifier(own, value)) => {}
            Some(group) => return wrong(group.expected()),
            None if own.is_some() => return wrong(unknown(family.gguf, key)),
            None if keys::OTHER_FILES.iter().any(|prefix| key.starts_with(prefix)) => {
                return wrong("no such key in the file of a language model".to_owned());
            }
            None => {}
        }
    }
    Ok(())
}

fn unknown(family: &str, key: &str) -> String {
    let known: Vec<String> = keys::names(ConfigFormat::Gguf).map(|name| format!("{family}.{name}")).collect();
    let near = nearest(key, known.iter().map(String::as_str));
    let hint = near.map_or_else(String::new, |near| format!(", such as `{near}`"));
    format!("a key that is known for the architecture {family}{hint}")
}

/// The value as JSON. Of a list, only whether it is all zero or not is kept.
fn as_json(value: &MetadataValue) -> Json {
    if let MetadataValue::Array(array) = value {
        let is_zero = |value: MetadataValue| keys::is_off(&as_json(&value));
        let off = array.is_empty() || array.scalars().count() == array.len() && array.scalars().all(is_zero);
        return Json::Array(if off { Vec::new() } else { vec![Json::Bool(true)] });
    }
    match (value, value.as_integer(), value.as_float()) {
        (MetadataValue::Bool(flag), ..) => Json::Bool(*flag),
        (MetadataValue::String(text), ..) => Json::String(text.clone()),
        (_, Some(number), _) => Json::from(number as f64),
        // NaN and infinity, which JSON lacks, switch nothing off.
        (_, _, number) => number.filter(|number| number.is_finite()).map_or(Json::Bool(true), Json::from),
    }
}

/// Rows of the embedding, since GGUF has no key for the padded size of the vocabulary.
fn vocabulary_rows(gguf: &Gguf) -> Result<usize> {
    let wrong = |expected: &str, found: String| {
        Err(Error::format(gguf.path(), gguf.name_in_file(EMBEDDING_TENSOR), expected, found))
    };
    match gguf.get(EMBEDDING_TENSOR)? {
        Some(view) if view.shape.len() == 2 => Ok(view.shape[0]),
        Some(view) => wrong("two dimensions", view.shape.len().to_string()),
        None => wrong("a tensor", "nothing".to_owned()),
    }
}
