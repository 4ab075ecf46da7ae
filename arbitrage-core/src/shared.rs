//! One loaded model in several roles.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::scorer::{NextToken, Question};
use crate::{BoxError, Drafter, StepScorer, Verifier, forward_methods};

/// Uses one model in several roles, such as target and judge. A mutex lets one call at a time through.
///
/// The name is given at construction, since a reference to the model's own name cannot leave the mutex.
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
    /// Locks the model until the guard is dropped.
    ///
    /// A panic in another role's call does not poison it: models check their caches against the prefix at every call, so a call
    /// that was broken off leaves nothing that could be used by mistake.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Drafter + ?Sized> Drafter for Shared<T> {
    forward_methods!(Drafter, self => self.lock(); draft, draft_several, release, digest);

    fn name(&self) -> &str {
        &self.name
    }
}

impl<T: Verifier + ?Sized> Verifier for Shared<T> {
    forward_methods!(Verifier, self => self.lock(); rewrite, release, digest);

    fn name(&self) -> &str {
        &self.name
    }
}

impl<T: StepScorer + ?Sized> StepScorer for Shared<T> {
    forward_methods!(StepScorer, self => self.lock(); range, score, release);

    fn name(&self) -> String {
        self.name.to_string()
    }
}

impl<T: NextToken + ?Sized> NextToken for Shared<T> {
    fn next_token(&mut self, requests: &[Question<'_>]) -> Vec<Result<Vec<f32>, BoxError>> {
        self.lock().next_token(requests)
    }
}
