//! The local target.

use std::time::Instant;

use arbitrage_core::scorer::{NextToken, Question};
use arbitrage_core::{Author, BoxError, Drafter, Rewrite, SequenceId, StepResult, StepRule, Verifier};

use super::{LocalModel, writer};

/// A [`LocalModel`] in the verifier's role.
///
/// It takes the rejected step for a guess at its own: the step's tokens are verified several at a time, for as long as the
/// target would have written them too, and where the text meets the step again. The text is what it would be without
/// ([`speculation`](super::speculation)); how much is verified at once follows what passes cost on this machine.
pub struct LocalTarget {
    model: LocalModel,
    reuse: bool,
}

impl LocalTarget {
    /// Puts `model` into the verifier's role: it draws the target's random numbers from here on.
    pub fn new(model: LocalModel) -> Self {
        Self { model: model.with_author(Author::Target), reuse: true }
    }

    /// Whether rejected steps serve as guesses; they do unless said otherwise.
    pub fn with_reuse(mut self, reuse: bool) -> Self {
        self.reuse = reuse;
        self
    }

    /// The model.
    pub fn model(&self) -> &LocalModel {
        &self.model
    }

    pub(super) fn model_mut(&mut self) -> &mut LocalModel {
        &mut self.model
    }
}

impl Verifier for LocalTarget {
    fn name(&self) -> &str {
        &self.model.name
    }

    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let start = Instant::now();
        let mut requests = requests.to_vec();
        if !self.reuse {
            requests.iter_mut().for_each(|request| request.rejected = None);
        }
        writer::write(&mut self.model, &requests, rule, start)
    }

    fn release(&mut self, id: SequenceId) {
        self.model.release(id);
    }

    fn digest(&self) -> Option<String> {
        self.model.digest.clone()
    }
}

/// The target judges too: what its cache holds of a prefix serves the question about the next step.
impl NextToken for LocalTarget {
    fn next_token(&mut self, requests: &[Question<'_>]) -> Vec<Result<Vec<f32>, BoxError>> {
        self.model.next_token(requests)
    }
}
