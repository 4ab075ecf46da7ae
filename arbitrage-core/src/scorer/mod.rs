//! How good a step is: [`StepScorer`], which serves RSD, the oracle and labelling.

mod function;
mod judge;
mod rollouts;

pub use function::{ScorerFn, scorer_fn};
pub use judge::{Judge, NextToken, Question, Reading};
pub use rollouts::Rollouts;

use crate::error::ScoreError;
use crate::{BoxError, Prefix, SequenceId, Step};

/// Scores steps from their prefixes, `h(x, z)` in the paper (§3.1): a process reward model, a judge, a checker.
pub trait StepScorer: Send {
    /// Name, for traces.
    fn name(&self) -> String {
        "scorer".to_owned()
    }

    /// Least and greatest score. `(0, 1)` unless said otherwise.
    fn range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    /// One score for each step, in order, each within [`range`](Self::range).
    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError>;

    /// The sequence is finished: what is kept of it may go. Scores must not depend on it.
    fn release(&mut self, _id: SequenceId) {}
}

/// Scores each step, and refuses scores that are not numbers within the range.
///
/// One call serves all steps. When it fails, or gives too few or too many scores, each step is scored in a call of its
/// own, so that the steps which can be scored are.
///
/// # Errors
/// For a step, the scorer's own error, or [`ScoreError`] for a score that is none.
pub fn score_each<S: StepScorer + ?Sized>(scorer: &mut S, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<f32, BoxError>> {
    let (low, high) = scorer.range();
    let check = |found: f32| {
        if (low..=high).contains(&found) { Ok(found) } else { Err(ScoreError::Range { low, high, found }.into()) }
    };
    match (scorer.score(steps), steps.len()) {
        (Ok(scores), expected) if scores.len() == expected => scores.into_iter().map(check).collect(),
        (Ok(scores), 1) => vec![Err(ScoreError::Count { expected: 1, found: scores.len() }.into())],
        (Err(error), 1) => vec![Err(error)],
        _ => steps.chunks(1).flat_map(|step| score_each(scorer, step)).collect(),
    }
}
