//! The engine's limits and segmenter from the options.

use arbitrage_core::segmenter::{self, TokenBudget};
use arbitrage_core::{Limits, StepSegmenter};

use crate::Failure;
use crate::cli::{LimitOptions, SegmenterOption};

impl LimitOptions {
    /// The engine's limits.
    pub(crate) fn limits(&self) -> Limits {
        Limits::default().with_steps(self.steps).with_step_tokens(self.step_tokens).with_tokens(self.tokens)
    }

    /// Where steps end.
    pub(crate) fn segmenter(&self) -> Result<Box<dyn StepSegmenter>, Failure> {
        Ok(match self.segmenter {
            SegmenterOption::BlankLine => Box::new(segmenter::BlankLine::new()),
            SegmenterOption::Newline => Box::new(segmenter::Newline::new()),
            SegmenterOption::Markers => Box::new(segmenter::StepMarkers::new()),
            SegmenterOption::Tokens => Box::new(TokenBudget::new(self.step_tokens)?),
        })
    }
}
