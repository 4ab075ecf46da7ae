//! The engine's limits and segmenter, from the options.

use arbitrage_core::segmenter::{self, TokenBudget};
use arbitrage_core::{Limits, StepSegmenter};

use crate::Failure;
use crate::cli::{LimitOptions, Segmenter};

impl LimitOptions {
    /// The engine's limits.
    pub fn limits(&self) -> Limits {
        Limits::default().with_steps(self.steps).with_step_tokens(self.step_tokens).with_tokens(self.tokens)
    }

    /// The rule by which steps end.
    pub fn segmenter(&self) -> Result<Box<dyn StepSegmenter>, Failure> {
        Ok(match self.segmenter {
            Segmenter::BlankLine => Box::new(segmenter::BlankLine::new()),
            Segmenter::Newline => Box::new(segmenter::Newline::new()),
            Segmenter::Markers => Box::new(segmenter::StepMarkers::new()),
            Segmenter::Tokens => Box::new(TokenBudget::new(self.step_tokens)?),
        })
    }
}
