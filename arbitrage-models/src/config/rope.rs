//! Rotary position encoding.

use super::{Field, LongRope, Yarn, is_positive};

/// Rotary position encoding (Su et al., arXiv 2104.09864), in the rotate-half layout of Hugging Face checkpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// Base of the wavelengths.
    pub theta: f64,
    /// How many numbers of a head rotate, the first ones; even. The others are left as they are.
    pub width: usize,
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
    /// As in Llama 3.1: the frequencies of long wavelengths are divided by `factor`, those of short ones kept, and those between
    /// interpolated.
    Llama3 {
        /// Divisor for the long wavelengths.
        factor: f64,
        /// Wavelengths above `original_context / low` are long.
        low: f64,
        /// Wavelengths below `original_context / high` are short.
        high: f64,
        /// Context before stretching, in positions.
        original_context: f64,
    },
    /// As in Qwen2.5 with a long context.
    Yarn(Yarn),
    /// As in Phi-4-mini.
    LongRope(LongRope),
    /// One divisor for each frequency, `[width / 2]`, as GGUF's `rope_freqs.weight` stores it.
    Factors(Vec<f32>),
}

impl Rope {
    /// Frequencies in radians for each position, `[width / 2]`, in a model with room for `context` positions.
    pub fn frequencies(&self, context: usize) -> Vec<f64> {
        let plain = (0..self.width / 2).map(|i| self.theta.powf(-2.0 * i as f64 / self.width as f64));
        let divided = |factors: &[f32]| plain.clone().zip(factors).map(|(f, &by)| f / f64::from(by)).collect();
        match &self.scaling {
            RopeScaling::None => plain.collect(),
            RopeScaling::Linear { factor } => plain.map(|f| f / factor).collect(),
            RopeScaling::Factors(factors) => divided(factors),
            RopeScaling::LongRope(rope) => divided(rope.factors(context)),
            RopeScaling::Yarn(yarn) => yarn.frequencies(self.theta, plain, self.width),
            RopeScaling::Llama3 { factor, low, high, original_context } => {
                plain.map(|f| llama3(f, *factor, *low, *high, *original_context)).collect()
            }
        }
    }

    /// What sines and cosines are multiplied by: 1 but for [`Yarn`] and [`LongRope`].
    pub fn magnitude(&self) -> f64 {
        match &self.scaling {
            RopeScaling::Yarn(yarn) => yarn.magnitude,
            RopeScaling::LongRope(rope) => rope.magnitude,
            _ => 1.0,
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

impl RopeScaling {
    /// The field, what was expected and what was found, if the numbers would make invalid frequencies or do not fit so many pairs.
    pub(super) fn problem(&self, pairs: usize) -> Option<(Field, String, String)> {
        if let Self::LongRope(rope) = self {
            return rope.problem(pairs);
        }
        let positive = |number: f64| (!is_positive(number)).then(|| ("factors above 0".to_owned(), number.to_string()));
        let problem = match self {
            Self::None | Self::LongRope(_) => None,
            Self::Linear { factor } => positive(*factor),
            Self::Yarn(yarn) => yarn.problem(),
            Self::Llama3 { low, high, .. } if low >= high => {
                Some((format!("a low_freq_factor below the high one, {high}"), low.to_string()))
            }
            Self::Llama3 { factor, .. } => positive(*factor),
            Self::Factors(factors) if factors.len() != pairs => {
                Some((format!("{pairs} factors"), factors.len().to_string()))
            }
            Self::Factors(factors) => factors.iter().find_map(|&factor| positive(f64::from(factor))),
        };
        problem.map(|(expected, found)| (Field::Scaling, expected, found))
    }
}
