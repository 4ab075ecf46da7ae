//! The local target model.

use std::time::Instant;

use arbitrage_core::scorer::{NextToken, Question};
use arbitrage_core::{Author, BoxError, Drafter, Rewrite, SequenceId, StepResult, StepRule, Verifier};

use super::LocalModel;
use super::generate::generate;
use crate::profile::{Part, measure};

/// A [`LocalModel`] in the verifier's role.
///
/// The tokens of the rejected step serve as speculative tokens: several are verified in one pass, for as long as the target
/// would have generated them too, and again where its text rejoins the step. The text is the same as without
/// ([`speculation`](super::speculation)). How many are verified at once depends on what passes cost on this machine.
#[derive(Debug)]
pub struct LocalTarget {
    model: LocalModel,
    reuse: bool,
}

impl LocalTarget {
    /// Puts `model` into the verifier's role: from here on it uses the target's random numbers.
    pub fn new(model: LocalModel) -> Self {
        Self { model: model.with_author(Author::Target), reuse: true }
    }

    /// Whether rejected steps serve as speculative tokens, which is the default.
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
        measure(Part::Rest, || generate(&mut self.model, &requests, rule, start))
    }

    fn release(&mut self, id: SequenceId) {
        self.model.release(id);
    }

    fn digest(&self) -> Option<String> {
        self.model.digest.clone()
    }
}

/// The target can serve as a judge too: the question about the next step reuses what is cached of its prefix.
impl NextToken for LocalTarget {
    fn next_token(&mut self, requests: &[Question<'_>]) -> Vec<Result<Vec<f32>, BoxError>> {
        self.model.next_token(requests)
    }
}
