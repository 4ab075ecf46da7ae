//! A decoder's shape, read from `config.json` or from GGUF metadata, and checked before anything is allocated.

mod family;
mod gguf;
mod json;
pub mod keys;
mod long_rope;
mod rope;
mod yarn;

use std::path::Path;

pub use family::{Activation, FAMILIES, ModelFamily};
pub use long_rope::LongRope;
pub use rope::{Rope, RopeScaling};
pub use yarn::Yarn;

use crate::error::{Error, Result};

/// The hyperparameters in which decoder-only transformers of the Llama family differ. One decoder implementation serves them all.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelConfig {
    /// The family that it belongs to.
    pub family: &'static ModelFamily,
    /// Rows of the embedding and the head, padding included.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of the feed-forward layer.
    pub feed_forward: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads, a divisor of [`heads`](Self::heads).
    pub kv_heads: usize,
    /// Width of a head, even.
    pub head_dim: usize,
    /// Most positions. Where a file gives a window of attention to a family whose layers have none, the window is the context, since
    /// within it both readings agree.
    pub context: usize,
    /// The key of the file that bounds the context, such as `/sliding_window`.
    pub context_key: String,
    /// Added to the mean square in RMSNorm.
    pub norm_epsilon: f32,
    /// Rotary encoding.
    pub rope: Rope,
    /// Rotary encoding of the layers that have one of their own, those with a window in Gemma 3.
    pub local_rope: Option<Rope>,
    /// How each layer attends.
    pub layer_attention: Vec<LayerAttention>,
    /// What the product of a query and a key is multiplied by.
    pub attention_scale: f32,
    /// Added to the weights of norms as they are stored.
    pub norm_offset: f32,
    /// The experts of each layer, in models whose feed-forward part is a mixture of experts; [`feed_forward`](Self::feed_forward) is then
    /// not in use.
    pub experts: Option<ExpertsConfig>,
    /// Whether the head's weights are the embedding's.
    pub tied: bool,
    /// Whether the projections of attention have biases; `None` where those decide that are in the file.
    pub attention_bias: Option<bool>,
    /// Likewise for the projections of the feed-forward layer.
    pub feed_forward_bias: Option<bool>,
    /// The class that wrote the checkpoint, such as `Qwen2ForCausalLM`; `None` in GGUF files.
    pub architecture: Option<String>,
}

/// A mixture of experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpertsConfig {
    /// How many experts a layer has.
    pub count: usize,
    /// Through how many of them a token goes, at most [`count`](Self::count).
    pub chosen: usize,
    /// Width of each.
    pub width: usize,
    /// Whether the weights of a token's experts are made to add up to 1; otherwise they are the router's probabilities.
    pub is_normalised: bool,
}

/// How a layer attends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerAttention {
    /// To how many positions a row attends, itself included; `None` for all up to itself. Layers with a window have the same.
    pub window: Option<usize>,
    /// How queries and keys are rotated.
    pub rotation: LayerRotation,
}

/// How a layer rotates queries and keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerRotation {
    /// Not at all, so that attention does not see positions.
    None,
    /// By [`ModelConfig::rope`].
    Global,
    /// By [`ModelConfig::local_rope`].
    Local,
}

impl LayerAttention {
    /// How each layer of a family attends, given which of them do not rotate and which have a window.
    fn of_layers(family: &ModelFamily, unrotated: Vec<bool>, windowed: Vec<bool>, window: Option<usize>) -> Vec<Self> {
        let has_local_rope = family.default_local_theta.is_some();
        let attention = |(is_unrotated, is_windowed): (bool, bool)| Self {
            window: window.filter(|_| is_windowed),
            rotation: match () {
                () if is_unrotated => LayerRotation::None,
                () if is_windowed && has_local_rope => LayerRotation::Local,
                () => LayerRotation::Global,
            },
        };
        unrotated.into_iter().zip(windowed).map(attention).collect()
    }
}

/// Largest size of any dimension. A larger declared size is an error in the file, or a model far beyond this engine.
const MAX_DIMENSION: usize = 1 << 24;
/// Most layers. The names of a layer's tensors take memory before any of them is looked up; the deepest public model has 126 layers.
const MAX_LAYERS: usize = 1 << 12;

/// Most experts of a layer, likewise; the most of any public model are 512.
const MAX_EXPERTS: usize = 1 << 12;

/// A checked value. Each format has its own name for it, which errors use.
#[derive(Clone, Copy, Debug)]
enum Field {
    Vocabulary,
    Hidden,
    FeedForward,
    Layers,
    Heads,
    KvHeads,
    HeadDim,
    Context,
    Experts,
    ChosenExperts,
    ExpertWidth,
    Epsilon,
    Theta,
    LocalTheta,
    RotaryWidth,
    Scaling,
    ShortFactors,
    LongFactors,
    AttentionFactor,
}

impl ModelConfig {
    /// Refuses sizes that contradict each other and numbers that would make NaN or infinity; `name` gives the file's name for a field.
    fn check(self, path: &Path, name: impl Fn(Field) -> String) -> Result<Self> {
        let wrong =
            |field: Field, expected: String, found: String| Err(Error::format(path, name(field), expected, found));
        for (field, size, max) in self.sizes() {
            if !(1..=max).contains(&size) {
                return wrong(field, format!("1 to {max}"), size.to_string());
            }
        }
        if let Some(experts) = self.experts {
            let sizes = [
                (Field::Experts, experts.count, MAX_EXPERTS),
                (Field::ChosenExperts, experts.chosen, experts.count),
                (Field::ExpertWidth, experts.width, MAX_DIMENSION),
            ];
            if let Some((field, size, max)) = sizes.into_iter().find(|(_, size, max)| !(1..=*max).contains(size)) {
                return wrong(field, format!("1 to {max}"), size.to_string());
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return wrong(Field::KvHeads, format!("a divisor of {} heads", self.heads), self.kv_heads.to_string());
        }
        if !self.head_dim.is_multiple_of(2) {
            return wrong(Field::HeadDim, "an even head width".to_owned(), self.head_dim.to_string());
        }
        if !is_positive(f64::from(self.norm_epsilon)) {
            return wrong(Field::Epsilon, "a number above 0".to_owned(), self.norm_epsilon.to_string());
        }
        if !is_positive(self.rope.theta) {
            return wrong(Field::Theta, "a number above 0".to_owned(), self.rope.theta.to_string());
        }
        if let Some(local) = &self.local_rope
            && !is_positive(local.theta)
        {
            return wrong(Field::LocalTheta, "a number above 0".to_owned(), local.theta.to_string());
        }
        let width = self.rope.width;
        if !(2..=self.head_dim).contains(&width) || !width.is_multiple_of(2) {
            return wrong(Field::RotaryWidth, format!("an even width from 2 to {}", self.head_dim), width.to_string());
        }
        match self.rope.scaling.problem(width / 2) {
            Some((field, expected, found)) => wrong(field, expected, found),
            None => Ok(self),
        }
    }

    /// Every size with its upper limit.
    fn sizes(&self) -> [(Field, usize, usize); 8] {
        [
            (Field::Vocabulary, self.vocabulary, MAX_DIMENSION),
            (Field::Hidden, self.hidden, MAX_DIMENSION),
            (Field::FeedForward, self.feed_forward, MAX_DIMENSION),
            (Field::Layers, self.layers, MAX_LAYERS),
            (Field::Heads, self.heads, MAX_DIMENSION),
            (Field::KvHeads, self.kv_heads, MAX_DIMENSION),
            (Field::HeadDim, self.head_dim, MAX_DIMENSION),
            (Field::Context, self.context, MAX_DIMENSION),
        ]
    }

    /// Whether the checkpoint is that of a language model, and not of a classifier or of a decoder without any head.
    pub fn is_language_model(&self) -> bool {
        let task = self.architecture.as_deref().map(|class| class.get(self.family.class.len()..).unwrap_or_default());
        task.is_none_or(|task| task == "ForCausalLM")
    }

    /// The window of the layers that have one.
    pub fn window(&self) -> Option<usize> {
        self.layer_attention.iter().find_map(|layer| layer.window)
    }

    /// What embeddings are multiplied by.
    pub fn embedding_scale(&self) -> f32 {
        if self.family.scaled_embeddings { (self.hidden as f32).sqrt() } else { 1.0 }
    }

    /// The error of `model`, which has this shape, for a text of `tokens` tokens that its context has no room for.
    #[cfg(feature = "burn")]
    pub(crate) fn context_full(&self, model: impl Into<String>, tokens: usize) -> Error {
        let (model, context_key) = (model.into(), self.context_key.clone());
        Error::ContextFull { model, tokens, context: self.context, context_key }
    }

    /// Bytes of keys and values for one position, with `bytes` for each number.
    pub fn cache_bytes_per_token(&self, bytes: usize) -> usize {
        [self.layers, self.kv_heads, self.head_dim, bytes].into_iter().fold(2, usize::saturating_mul)
    }
}

/// What products of queries and keys of this width are multiplied by in most families.
fn usual_attention_scale(head_dim: usize) -> f32 {
    (head_dim as f32).powf(-0.5)
}

/// The width of a head where the file does not give it: the hidden size divided by the heads. 0 if there are no heads, which
/// [`ModelConfig::check`] then reports.
///
/// # Errors
/// [`Error::Format`] if the heads do not divide it.
fn shared_head_dim(path: &Path, field: String, hidden: usize, heads: usize) -> Result<usize> {
    match hidden.checked_rem(heads) {
        None => Ok(0),
        Some(0) => Ok(hidden / heads),
        Some(_) => Err(Error::format(path, field, format!("a divisor of the hidden size {hidden}"), heads)),
    }
}

fn is_positive(number: f64) -> bool {
    number.is_finite() && number > 0.0
}
