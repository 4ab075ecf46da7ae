//! The model that is trusted.

use crate::{Drafter, Rewrite, SequenceId, StepResult, StepRule};

/// Writes the step that replaces a rejected draft, which it may read, verify token by token, or ignore.
///
/// The engine calls it for escalated steps only (or for every step when the router asks for
/// [`Evidence::Both`](crate::Evidence::Both)). The same stateless contract as [`Drafter`] holds.
pub trait Verifier: Send {
    /// Name for traces and error messages.
    fn name(&self) -> &str;

    /// One step for each request, in order. All requests of a call have different ids.
    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult>;

    /// The sequence is finished: its cache may go.
    fn release(&mut self, _id: SequenceId) {}

    /// SHA-256 of the weights in hexadecimal, or a remote model's identity; recorded in traces.
    fn digest(&self) -> Option<String> {
        None
    }
}

/// Makes any [`Drafter`] a [`Verifier`] that ignores the rejected step: every target token is written anew.
///
/// ```
/// use arbitrage_core::{Target, Verifier, testing::Scripted};
/// assert_eq!(Target(Scripted::new("large", ["42"])).name(), "large");
/// ```
#[derive(Clone, Debug)]
pub struct Target<D>(pub D);

impl<D: Drafter> Verifier for Target<D> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let prefixes: Vec<_> = requests.iter().map(|request| request.prefix).collect();
        self.0.draft(&prefixes, rule)
    }

    fn release(&mut self, id: SequenceId) {
        self.0.release(id);
    }

    fn digest(&self) -> Option<String> {
        self.0.digest()
    }
}
