//! The local target.

use std::time::Instant;

use arbitrage_core::scorer::{NextToken, Question};
use arbitrage_core::{Author, BoxError, Rewrite, SequenceId, StepResult, StepRule, Verifier};

use super::{LocalModel, writer};

/// A [`LocalModel`] in the verifier's role. It is handed the rejected draft with every request.
pub struct LocalTarget(LocalModel);

impl LocalTarget {
    /// Puts `model` into the verifier's role: it draws the target's random numbers from here on.
    pub fn new(model: LocalModel) -> Self {
        Self(model.with_author(Author::Target))
    }

    /// The model.
    pub fn model(&self) -> &LocalModel {
        &self.0
    }
}

impl Verifier for LocalTarget {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let start = Instant::now();
        let prefixes: Vec<_> = requests.iter().map(|request| request.prefix).collect();
        writer::write(&mut self.0, &prefixes, rule, start)
    }

    fn release(&mut self, id: SequenceId) {
        self.0.sequences.remove(&id);
    }

    fn digest(&self) -> Option<String> {
        self.0.digest.clone()
    }
}

/// The target judges too: what its cache holds of a prefix serves the question about the next step.
impl NextToken for LocalTarget {
    fn next_token(&mut self, requests: &[Question<'_>]) -> Vec<Result<Vec<f32>, BoxError>> {
        self.0.next_token(requests)
    }
}
