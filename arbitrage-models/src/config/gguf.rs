//! A decoder's shape from GGUF metadata.

use arbitrage_core::text::excerpt;

use super::{Field, ModelConfig, Rope, RopeScaling, shared_head_dim};
use crate::error::{Error, Result};
use crate::weights::{Gguf, WeightSource};

const EMBEDDING_TENSOR: &str = "model.embed_tokens.weight";
const FACTORS_TENSOR: &str = "rope_freqs.weight";

impl ModelConfig {
    /// Reads GGUF metadata.
    ///
    /// # Errors
    /// [`Error::Format`] naming the key, as for [`from_json`](Self::from_json).
    pub fn from_gguf(gguf: &Gguf) -> Result<Self> {
        let path = gguf.path();
        let family = gguf.str_of("general.architecture")?.to_owned();
        if !["llama", "qwen2"].contains(&family.as_str()) {
            return Err(Error::format(path, "general.architecture", "llama or qwen2", excerpt(&family)));
        }
        let key = |name: &str| format!("{family}.{name}");
        let size = |name: &str| -> Result<usize> { Ok(gguf.u32_of(&key(name))? as usize) };
        let (hidden, heads) = (size("embedding_length")?, size("attention.head_count")?);
        let optional =
            |name: &str, other: usize| if gguf.metadata(&key(name)).is_some() { size(name) } else { Ok(other) };
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
            head_dim: match gguf.metadata(&key("attention.key_length")) {
                Some(_) => size("attention.key_length")?,
                None => shared_head_dim(path, key("attention.head_count"), hidden, heads)?,
            },
            context: size("context_length")?,
            norm_epsilon: gguf.f32_of(&key("attention.layer_norm_rms_epsilon"))?,
            rope: Rope { theta, scaling: gguf_scaling(gguf, &key("rope.scaling"))? },
            tied: gguf.get("lm_head.weight")?.is_none(),
            family: family.clone(),
        };
        let scaling_is_a_tensor = matches!(config.rope.scaling, RopeScaling::Factors(_));
        config.check(path, |field| match field {
            Field::Vocabulary => EMBEDDING_TENSOR.to_owned(),
            Field::Scaling if scaling_is_a_tensor => FACTORS_TENSOR.to_owned(),
            Field::Scaling => key("rope.scaling.factor"),
            Field::Hidden => key("embedding_length"),
            Field::FeedForward => key("feed_forward_length"),
            Field::Layers => key("block_count"),
            Field::Heads => key("attention.head_count"),
            Field::KvHeads => key("attention.head_count_kv"),
            Field::HeadDim => key("attention.key_length"),
            Field::Context => key("context_length"),
            Field::Epsilon => key("attention.layer_norm_rms_epsilon"),
            Field::Theta => key("rope.freq_base"),
        })
    }
}

/// Rows of the embedding, since GGUF has no key for the padded size of the vocabulary.
fn vocabulary_rows(gguf: &Gguf) -> Result<usize> {
    match gguf.get(EMBEDDING_TENSOR)? {
        Some(view) if view.shape.len() == 2 => Ok(view.shape[0]),
        Some(view) => Err(Error::format(gguf.path(), EMBEDDING_TENSOR, "two dimensions", view.shape.len())),
        None => Err(Error::format(gguf.path(), EMBEDDING_TENSOR, "a tensor", "nothing")),
    }
}

fn gguf_scaling(gguf: &Gguf, key: &str) -> Result<RopeScaling> {
    if let Some(factors) = gguf.get(FACTORS_TENSOR)? {
        return Ok(RopeScaling::Factors(factors.to_f32()?));
    }
    let kind = format!("{key}.type");
    match gguf.metadata(&kind).map(|_| gguf.str_of(&kind)).transpose()? {
        None | Some("none") => Ok(RopeScaling::None),
        Some("linear") => Ok(RopeScaling::Linear { factor: f64::from(gguf.f32_of(&format!("{key}.factor"))?) }),
        Some(other) => Err(Error::format(gguf.path(), kind, "none or linear", excerpt(other))),
    }
}
