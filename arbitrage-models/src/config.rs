//! A decoder's shape, read from `config.json` or from GGUF metadata, and checked before anything is allocated.

mod gguf;
mod json;

use std::path::Path;

use crate::error::{Error, Result};

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
/// Most layers, each of which costs a dozen names before the first of them is looked up; the deepest model has 126.
const MOST_LAYERS: usize = 1 << 12;

/// What a check is about. Each format has its own name for it, which errors tell.
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
    Epsilon,
    Theta,
    Scaling,
}

impl ModelConfig {
    /// Refuses sizes that do not fit each other and numbers that no arithmetic survives; `name` is the file's own for a
    /// field.
    fn check(self, path: &Path, name: impl Fn(Field) -> String) -> Result<Self> {
        let wrong =
            |field: Field, expected: String, found: String| Err(Error::format(path, name(field), expected, found));
        for (field, size, most) in self.sizes() {
            if !(1..=most).contains(&size) {
                return wrong(field, format!("1 to {most}"), size.to_string());
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
        match self.rope.scaling.problem(self.head_dim) {
            Some((expected, found)) => wrong(Field::Scaling, expected, found),
            None => Ok(self),
        }
    }

    /// Every size with its greatest.
    fn sizes(&self) -> [(Field, usize, usize); 8] {
        [
            (Field::Vocabulary, self.vocabulary, GREATEST),
            (Field::Hidden, self.hidden, GREATEST),
            (Field::FeedForward, self.feed_forward, GREATEST),
            (Field::Layers, self.layers, MOST_LAYERS),
            (Field::Heads, self.heads, GREATEST),
            (Field::KvHeads, self.kv_heads, GREATEST),
            (Field::HeadDim, self.head_dim, GREATEST),
            (Field::Context, self.context, GREATEST),
        ]
    }

    /// Bytes of keys and values that one position takes, at `bytes` a number.
    pub fn cache_bytes_per_token(&self, bytes: usize) -> usize {
        [self.layers, self.kv_heads, self.head_dim, bytes].into_iter().fold(2, usize::saturating_mul)
    }
}

/// The width of a head where the file does not tell it: the heads share the hidden size. 0 where there are no heads, for
/// [`ModelConfig::check`] to tell.
///
/// # Errors
/// [`Error::Format`] when they do not divide it.
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

impl RopeScaling {
    /// What was expected and found where the numbers would spoil the frequencies.
    fn problem(&self, head_dim: usize) -> Option<(String, String)> {
        let positive = |number: f64| (!is_positive(number)).then(|| ("factors above 0".to_owned(), number.to_string()));
        match self {
            Self::None => None,
            Self::Linear { factor } => positive(*factor),
            Self::Llama3 { low, high, .. } if low >= high => {
                Some((format!("a low_freq_factor below the high one, {high}"), low.to_string()))
            }
            Self::Llama3 { factor, .. } => positive(*factor),
            Self::Factors(factors) if factors.len() != head_dim / 2 => {
                Some((format!("{} factors", head_dim / 2), factors.len().to_string()))
            }
            Self::Factors(factors) => factors.iter().find_map(|&factor| positive(f64::from(factor))),
        }
    }
}
