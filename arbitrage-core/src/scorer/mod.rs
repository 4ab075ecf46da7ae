//! How good a step is: [`StepScorer`], which RSD, the oracle and labelling use.

mod function;
mod judge;
mod rollouts;

pub use function::{ScorerFn, scorer_fn};
pub use judge::{Judge, NextToken, Question, ScoreReadout};
pub use rollouts::Rollouts;

use crate::error::ScoreError;
use crate::{BoxError, Prefix, SequenceId, Step};

/// Scores a step after its prefix, `h(x, z)` in the paper (§3.1): a process reward model, a judge, a checker.
///
/// A closure is a scorer too: [`scorer_fn`].
///
/// ```
/// use arbitrage_core::{BoxError, Engine, Prefix, Problem, Step, StepScorer, router::Rsd, testing::Scripted};
///
/// /// Gives a step with an equation 1, and others 0.
/// struct HasEquation;
///
/// impl StepScorer for HasEquation {
///     fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
///         Ok(steps.iter().map(|(_prefix, step)| if step.text.contains('=') { 1.0 } else { 0.0 }).collect())
///     }
/// }
///
/// let draft = Scripted::new("draft", ["Let me think.\n\n", "So 6 * 7 = 42."]);
/// let target = Scripted::new("target", ["6 * 7 = 42.\n\n", "The answer is 42."]);
/// let solution = Engine::new(draft, target, Rsd::new(HasEquation, 0.5)?).solve(&Problem::new("6 × 7?"))?;
/// assert_eq!(solution.text(), "6 * 7 = 42.\n\nSo 6 * 7 = 42.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait StepScorer: Send {
    /// Name, for traces.
    fn name(&self) -> String {
        "scorer".to_owned()
    }

    /// Least and greatest score, `(0, 1)` by default.
    fn range(&self) -> (f32, f32) {
        (0.0, 1.0)
    }

    /// One score for each step, in order, each within [`range`](Self::range).
    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError>;

    /// The sequence is finished, and anything cached for it can be freed. Scores must not depend on this call.
    fn release(&mut self, _id: SequenceId) {}
}

/// Scores each step, and replaces scores that are NaN or out of the scorer's range by errors.
///
/// All steps are scored in one call. If it fails, or returns too few or too many scores, each step is scored in a call of its own, so
/// that one bad step does not affect the others.
///
/// # Errors
/// For each step, the scorer's own error, or [`ScoreError`] for an invalid score.
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
