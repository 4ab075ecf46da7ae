//! One loaded model in several roles.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{BoxError, scorer};
use crate::{Drafter, Prefix, Rewrite, SequenceId, Step, StepResult, StepRule, StepScorer, Verifier};

/// Lends one model to several roles: target and judge, draft and probe. Calls take turns.
///
/// The name is copied at construction, since a lock cannot lend a string.
///
/// ```
/// use arbitrage_core::{Engine, Problem, Shared, Target, router::AlwaysDraft, testing::Scripted};
/// let model = Shared::new(Scripted::new("both", ["42"]), "both");
/// let mut engine = Engine::new(model.clone(), Target(model), AlwaysDraft);
/// assert_eq!(engine.solve(&Problem::new("?"))?.text(), "42");
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
#[derive(Debug)]
pub struct Shared<T: ?Sized> {
    name: Arc<str>,
    model: Arc<Mutex<T>>,
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), model: self.model.clone() }
    }
}

impl<T> Shared<T> {
    /// Shares `model` under `name`.
    pub fn new(model: T, name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), model: Arc::new(Mutex::new(model)) }
    }
}

impl<T: ?Sized> Shared<T> {
    /// The model, for this caller alone until the guard is dropped.
    ///
    /// A panic in another role's call does not lock the model out: models keep their caches consistent by checking them
    /// against the prefix at every call.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Drafter + ?Sized> Drafter for Shared<T> {
    fn name(&self) -> &str {
        &self.name
    }
    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        self.lock().draft(prefixes, rule)
    }
    fn release(&mut self, id: SequenceId) {
        self.lock().release(id);
    }
    fn digest(&self) -> Option<String> {
        self.lock().digest()
    }
}

impl<T: Verifier + ?Sized> Verifier for Shared<T> {
    fn name(&self) -> &str {
        &self.name
    }
    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        self.lock().rewrite(requests, rule)
    }
    fn release(&mut self, id: SequenceId) {
        self.lock().release(id);
    }
    fn digest(&self) -> Option<String> {
        self.lock().digest()
    }
}

impl<T: StepScorer + ?Sized> StepScorer for Shared<T> {
    fn name(&self) -> String {
        self.name.to_string()
    }
    fn range(&self) -> (f32, f32) {
        self.lock().range()
    }
    fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
        self.lock().score(steps)
    }
    fn release(&mut self, id: SequenceId) {
        self.lock().release(id);
    }
}

impl<T: scorer::NextToken + ?Sized> scorer::NextToken for Shared<T> {
    fn next_token(&mut self, requests: &[scorer::Question<'_>]) -> Vec<Result<Vec<f32>, BoxError>> {
        self.lock().next_token(requests)
    }
}
