//! The model that writes first.

use crate::{BoxError, EngineError, Prefix, Role, SequenceId, Step, StepRule};

/// A step, or why this one sequence got none. The other sequences of a batch go on.
pub type StepResult = Result<Step, BoxError>;

/// Writes the next step of each prefix.
///
/// The contract is stateless: each call carries the whole prefix, and what a model caches between calls must be
/// unobservable in its text. A drafter that keeps a cache finds the sequence again by its
/// [`SequenceId`] and rolls back to what still holds: under [`Overlap`](crate::Overlap), it is also asked, on another
/// thread, to continue steps of its own that are then rejected.
///
/// ```
/// use arbitrage_core::{Drafter, Finish, Prefix, Step, StepResult, StepRule};
///
/// /// Repeats the question. A real drafter stops where `rule` says.
/// struct Parrot;
/// impl Drafter for Parrot {
///     fn name(&self) -> &str {
///         "parrot"
///     }
///     fn draft(&mut self, prefixes: &[Prefix<'_>], _rule: &StepRule<'_>) -> Vec<StepResult> {
///         prefixes.iter().map(|p| Ok(Step::new(&p.problem.question, Finish::EndOfText))).collect()
///     }
/// }
/// ```
pub trait Drafter: Send {
    /// Name for traces and error messages.
    fn name(&self) -> &str;

    /// One step for each prefix, in order. All prefixes of a call have different ids.
    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult>;

    /// The sequence is finished: its cache may go.
    fn release(&mut self, _id: SequenceId) {}

    /// SHA-256 of the weights in hexadecimal, or a remote model's identity; recorded in traces.
    fn digest(&self) -> Option<String> {
        None
    }
}

/// A checked step, or an error, for every prefix. Where the drafter answers with more or fewer, all fail: nobody knows which
/// step is whose.
pub(crate) fn draft_each<D: Drafter>(drafter: &mut D, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
    let steps = drafter.draft(prefixes, rule);
    let (expected, found) = (prefixes.len(), steps.len());
    if expected == found {
        return steps.into_iter().map(|step| step?.checked()).collect();
    }
    let count = || EngineError::Count { role: Role::Drafter, name: drafter.name().to_owned(), expected, found };
    prefixes.iter().map(|_| Err(count().into())).collect()
}
