//! A scorer with given scores.

use std::collections::HashMap;

use crate::{BoxError, Prefix, Step, StepScorer};

/// Scores a step by its text without the white space around it; texts that are not in the table get a default score.
///
/// Scores are not checked, so that it can also stand for a broken scorer.
///
/// ```
/// use arbitrage_core::testing::{Scripted, TableScorer};
/// use arbitrage_core::{Engine, Problem, router::Rsd};
///
/// let scorer = TableScorer::new([("It is 5.", 0.1)]).with_default(0.9);
/// let (draft, target) = (Scripted::new("draft", ["It is 5."]), Scripted::new("target", ["It is 4."]));
/// let mut engine = Engine::new(draft, target, Rsd::new(scorer, 0.5)?);
/// assert_eq!(engine.solve(&Problem::new("2 + 2?"))?.text(), "It is 4.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TableScorer {
    scores: HashMap<String, f32>,
    default: f32,
    range: (f32, f32),
}

impl TableScorer {
    /// A scorer with range `[0, 1]`, these scores, and the default 0.5.
    pub fn new<'t>(scores: impl IntoIterator<Item = (&'t str, f32)>) -> Self {
        let scores = scores.into_iter().map(|(text, score)| (text.trim().to_owned(), score)).collect();
        Self { scores, default: 0.5, range: (0.0, 1.0) }
    }

    /// Sets the score of texts that are not in the table.
    pub fn with_default(mut self, score: f32) -> Self {
        self.default = score;
        self
    }

    /// Sets the range that the scorer reports.
    pub fn with_range(mut self, low: f32, high: f32) -> Self {
        self.range = (low, high);
        self
    }
}

impl StepScorer for TableScorer {
    fn name(&self) -> String {
        "table".to_owned()
    }

    fn range(&self) -> (f32, f32) {
        self.range
    }

    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        let score = |step: &Step| self.scores.get(step.text.trim()).copied().unwrap_or(self.default);
        Ok(steps.iter().map(|(_, step)| score(step)).collect())
    }
}
