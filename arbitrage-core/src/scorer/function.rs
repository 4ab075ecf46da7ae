//! A closure as a scorer.

use super::StepScorer;
use crate::{BoxError, Prefix, Step};

/// Makes a closure a scorer, with range `[0, 1]` by default.
///
/// ```
/// use arbitrage_core::{StepScorer, scorer::scorer_fn};
/// let short_is_good = scorer_fn(|_prefix, step| 1.0 / (1.0 + step.text.len() as f32));
/// assert_eq!(short_is_good.range(), (0.0, 1.0));
/// ```
pub fn scorer_fn<F>(score: F) -> ScorerFn<F>
where
    F: FnMut(&Prefix<'_>, &Step) -> f32 + Send,
{
    ScorerFn { score, name: "closure".to_owned(), range: (0.0, 1.0) }
}

/// A scorer made by [`scorer_fn`].
#[derive(Clone, Debug)]
pub struct ScorerFn<F> {
    score: F,
    name: String,
    range: (f32, f32),
}

impl<F> ScorerFn<F> {
    /// Sets the name in traces.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the least and the greatest score.
    pub fn with_range(mut self, low: f32, high: f32) -> Self {
        self.range = (low, high);
        self
    }
}

impl<F> StepScorer for ScorerFn<F>
where
    F: FnMut(&Prefix<'_>, &Step) -> f32 + Send,
{
    fn name(&self) -> String {
        self.name.clone()
    }

    fn range(&self) -> (f32, f32) {
        self.range
    }

    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        Ok(steps.iter().map(|(prefix, step)| (self.score)(prefix, step)).collect())
    }
}
