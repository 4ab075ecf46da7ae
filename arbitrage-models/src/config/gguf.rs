//! A decoder's shape from GGUF metadata.

mod keys;
mod long_rope;
mod rope;

use arbitrage_core::text::excerpt;

use super::family::{ModelFamily, WindowUse};
use super::{ExpertsConfig, Field, LayerAttention, ModelConfig, RopeScaling, shared_head_dim, usual_attention_scale};
use crate::error::{Error, Result};
use crate::weights::gguf::{Metadata, MetadataValue};
use crate::weights::{Gguf, WeightSource};
use long_rope::{ATTENTION_FACTOR, LONG_FACTORS, SHORT_FACTORS};
use rope::{FACTORS_TENSOR, LOCAL_THETA, ROTARY_WIDTH, SCALING_FACTOR};

const EMBEDDING_TENSOR: &str = "model.embed_tokens.weight";
const WINDOW: &str = "attention.sliding_window";
const PATTERN: &str = "attention.sliding_window_pattern";
const GEMMA_27B_LAYERS: usize = 62;
const EXPERTS: &str = "expert_count";
const CHOSEN_EXPERTS: &str = "expert_used_count";
const EXPERT_WIDTH: &str = "expert_feed_forward_length";

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
        keys::check_keys(gguf, family)?;
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
            rope: read.rope(head_dim)?,
            local_rope: read.local_rope(head_dim)?,
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
        read.check_values(head_dim)?;
        let scaling_is_a_tensor = matches!(config.rope.scaling, RopeScaling::Factors(_));
        config.check(path, |field| match field {
            Field::Vocabulary => gguf.name_in_file(EMBEDDING_TENSOR),
            Field::Scaling if scaling_is_a_tensor => FACTORS_TENSOR.to_owned(),
            Field::Scaling => key(SCALING_FACTOR),
            Field::ShortFactors => SHORT_FACTORS.to_owned(),
            Field::LongFactors => LONG_FACTORS.to_owned(),
            Field::AttentionFactor => key(ATTENTION_FACTOR),
            Field::RotaryWidth => key(ROTARY_WIDTH),
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
            Some(window) if window < trained && !self.family.gguf_has_window() => Ok((window, self.key(WINDOW))),
            _ => Ok((trained, key)),
        }
    }

    /// The window of attention. One of 0 is none.
    fn window(&self) -> Result<Option<usize>> {
        // Old converters left the key out, also in files of models that have a window.
        let window = if self.family.window == WindowUse::Always {
            Some(self.size(WINDOW)?)
        } else {
            self.optional_size(WINDOW)?
        };
        Ok(window.filter(|window| *window > 0))
    }

    /// How each layer attends.
    fn layer_attention(&self, layers: usize) -> Result<Vec<LayerAttention>> {
        // No file of any family says which layers do not rotate.
        let unrotated = ModelFamily::every(self.family.unrotated_every, layers);
        let window = if self.family.gguf_has_window() { self.window()? } else { None };
        let windowed = if window.is_some() { self.windowed_layers(layers)? } else { vec![false; unrotated.len()] };
        Ok(LayerAttention::of_layers(self.family, unrotated, windowed, window))
    }

    /// Whether each layer has a window, in a file with one.
    fn windowed_layers(&self, layers: usize) -> Result<Vec<bool>> {
        let pattern = self.metadata.get(&self.key(PATTERN)).filter(|_| self.family.global_every.is_some());
        let every = match pattern {
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

    /// Refuses values of another width than keys.
    fn check_values(&self, head_dim: usize) -> Result<()> {
        const VALUES: &str = "attention.value_length";
        match self.optional_size(VALUES)?.filter(|found| *found != head_dim) {
            Some(found) => self.wrong(VALUES, format!("{head_dim}, the width of keys"), found),
            None => Ok(()),
        }
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
