//! Steps of a fixed number of tokens.

use super::StepSegmenter;
use crate::ConfigError;

/// Ends a step after a fixed number of tokens, wherever in the text that is. Such steps finish with
/// [`Finish::Boundary`](crate::Finish::Boundary), since no limit cut them off.
///
/// A text alone does not tell its tokens, so [`boundary`](StepSegmenter::boundary) finds nothing, and
/// [`segment`](StepSegmenter::segment) returns a finished text as one piece.
///
/// ```
/// use arbitrage_core::{StepSegmenter, segmenter::TokenBudget};
/// assert_eq!(TokenBudget::new(32)?.token_budget(), Some(32));
/// # Ok::<(), arbitrage_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBudget {
    tokens: usize,
}

impl TokenBudget {
    /// Steps of `tokens` tokens.
    ///
    /// # Errors
    /// [`ConfigError::Limit`] if `tokens` is 0.
    pub fn new(tokens: usize) -> Result<Self, ConfigError> {
        match tokens {
            0 => Err(ConfigError::Limit { name: "token_budget", least: 1, found: 0 }),
            tokens => Ok(Self { tokens }),
        }
    }
}

impl StepSegmenter for TokenBudget {
    fn boundary(&self, _text: &str) -> Option<usize> {
        None
    }

    fn token_budget(&self) -> Option<usize> {
        Some(self.tokens)
    }
}
