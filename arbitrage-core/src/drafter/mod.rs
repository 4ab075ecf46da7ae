//! The draft model: [`Drafter`], and closures as drafters.

mod function;
mod several;

pub use function::{DrafterFn, drafter_fn};
pub use several::{DraftCopies, SeveralDrafts, StepsResult};

use crate::{BoxError, EngineError, Prefix, Role, SequenceId, Step, StepRule};

/// A step, or the error that ends this one sequence. The other sequences of a batch go on.
pub type StepResult = Result<Step, BoxError>;

/// Writes the next step of each prefix.
///
/// The contract is stateless: each call carries the whole prefix, and the text must not depend on what a model caches between
/// calls. A drafter with a cache finds the sequence again by its [`SequenceId`] and rolls back to the part that still matches the
/// prefix: under [`Overlap`](crate::Overlap) it is also called, on another thread, to continue steps of its own that are rejected
/// later.
///
/// A step ends at the first token edge at or past the boundary that the rule's segmenter finds in its text. A step that certainly
/// goes on after its boundary is an error ([`StepError::PastBoundary`](crate::StepError::PastBoundary)).
///
/// A closure is a drafter too: [`drafter_fn`].
///
/// ```
/// use arbitrage_core::{Drafter, Finish, Prefix, Step, StepResult, StepRule};
///
/// /// Repeats the question. A real drafter also stops where `rule` says.
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

    /// Several drafts of the next step of each prefix. The first is the step that [`draft`](Self::draft) writes. The others are
    /// sampled at the temperature of `drafts`, each from its own [random numbers](Prefix::draft_draw), so that a draft depends on
    /// prefix and number alone.
    ///
    /// By default each draft is the step of a sequence of its own, all in one call of [`draft`](Self::draft), with the sampling
    /// that the drafter has: one that always takes the likeliest token then writes the same draft several times. A model overrides
    /// this to sample, and to read each prefix only once.
    fn draft_several(
        &mut self,
        prefixes: &[Prefix<'_>],
        drafts: SeveralDrafts,
        rule: &StepRule<'_>,
    ) -> Vec<StepsResult> {
        several::draft_copies(self, prefixes, drafts.count(), rule)
    }

    /// The sequence is finished, and its cache can be freed.
    fn release(&mut self, _id: SequenceId) {}

    /// SHA-256 of the weights in hexadecimal, or a remote model's identity; recorded in traces.
    fn digest(&self) -> Option<String> {
        None
    }
}

/// A step or an error for every prefix. If the drafter returns more or fewer steps than prefixes, all fail, since a step may then
/// belong to any of them.
pub(crate) fn draft_each<D: Drafter>(drafter: &mut D, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
    let steps = drafter.draft(prefixes, rule);
    let (expected, found) = (prefixes.len(), steps.len());
    if expected == found {
        return steps.into_iter().map(|step| Ok(step?.checked(rule)?)).collect();
    }
    let count = || EngineError::Count { role: Role::Drafter, name: drafter.name().to_owned(), expected, found };
    prefixes.iter().map(|_| Err(count().into())).collect()
}
