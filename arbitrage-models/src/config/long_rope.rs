//! LongRoPE (Ding et al., arXiv 2402.13753): a divisor for each rotary frequency, in two sets.

use super::{Field, is_positive};

/// The numbers of LongRoPE.
#[derive(Clone, Debug, PartialEq)]
pub struct LongRope {
    /// Divisors of the frequencies where the model's context is at most the original one, `[width / 2]`.
    pub short: Vec<f32>,
    /// Divisors where it is longer, `[width / 2]`.
    pub long: Vec<f32>,
    /// The context before stretching, in positions.
    pub original_context: usize,
    /// What sines and cosines are multiplied by, with either set.
    pub magnitude: f64,
}

impl LongRope {
    /// The tensors of GGUF files that hold the short and the long factors.
    pub(crate) const TENSORS: [&str; 2] = ["rope_factors_short.weight", "rope_factors_long.weight"];

    /// The divisors of a model with room for `context` positions.
    ///
    /// One set serves all texts of a model, as in llama.cpp and vLLM. transformers takes the long ones as soon as a text exceeds the
    /// original context; keys that were cached before would then be rotated otherwise than those after them, and a row's numbers would
    /// depend on how the text went on.
    pub fn factors(&self, context: usize) -> &[f32] {
        if context > self.original_context { &self.long } else { &self.short }
    }

    /// `√(1 + ln(stretch) / ln(original))`, by which attention stays as sharp over contexts that are `stretch` times as long as the
    /// original one as it was trained.
    pub(super) fn magnitude_of(stretch: f64, original_context: usize) -> f64 {
        if stretch > 1.0 { (1.0 + stretch.ln() / (original_context as f64).ln()).sqrt() } else { 1.0 }
    }

    /// The field, what was expected and what was found, if the numbers do not fit `pairs` frequencies or have no meaning.
    pub(super) fn problem(&self, pairs: usize) -> Option<(Field, String, String)> {
        for (field, factors) in [(Field::ShortFactors, &self.short), (Field::LongFactors, &self.long)] {
            if factors.len() != pairs {
                let expected = format!("{pairs} factors, one for each pair of numbers that rotate");
                return Some((field, expected, factors.len().to_string()));
            }
            if let Some(wrong) = factors.iter().find(|&&factor| !is_positive(f64::from(factor))) {
                return Some((field, "factors above 0".to_owned(), wrong.to_string()));
            }
        }
        let found = || format!("{}, for an original context of {}", self.magnitude, self.original_context);
        let is_wrong = !is_positive(self.magnitude);
        is_wrong.then(|| (Field::AttentionFactor, "an attention factor above 0".to_owned(), found()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_of_a_model_chooses_the_factors() {
        let rope = LongRope { short: vec![1.0], long: vec![2.0], original_context: 8, magnitude: 1.0 };
        let chosen = [1, 7, 8, 9, 128].map(|context| rope.factors(context)[0]);
        assert_eq!(chosen, [1.0, 1.0, 1.0, 2.0, 2.0]);
    }

    #[test]
    fn stretching_sharpens_attention() {
        // Phi-4-mini: 131072 positions for 4096.
        assert!((LongRope::magnitude_of(32.0, 4096) - 1.190_238).abs() < 1e-6);
        assert_eq!((LongRope::magnitude_of(1.0, 4096), LongRope::magnitude_of(0.5, 1)), (1.0, 1.0));
        assert!(LongRope::magnitude_of(2.0, 1).is_infinite());
    }
}
