//! A model of the pair, wherever it runs.

use arbitrage_core::{Author, Drafter, Prefix, Rewrite, SequenceId, Shared, StepResult, StepRule, Target, Verifier};
use arbitrage_models::remote::OpenAiModel;
use arbitrage_models::sampler::Sampling;
use arbitrage_models::{LocalModel, LocalTarget};

use crate::Failure;

/// A model in this process, or behind a server.
pub enum Model {
    /// In this process.
    Local(Box<LocalModel>),
    /// Behind a server.
    Remote(Box<OpenAiModel>),
}

/// What only a model in this process can do.
fn missing(what: &str, name: &str) -> Failure {
    format!("{what} needs a model in this process, and `{name}` is behind a server").into()
}

impl Model {
    /// The same model for another role.
    pub fn share(&self) -> Self {
        match self {
            Self::Local(model) => Self::Local(Box::new(model.share())),
            Self::Remote(model) => Self::Remote(model.clone()),
        }
    }

    /// Sets the role whose random numbers it draws.
    pub fn with_author(self, author: Author) -> Self {
        self.map(|model| model.with_author(author), |model| model.with_author(author))
    }

    /// Sets how it samples.
    pub fn with_sampling(self, sampling: Sampling) -> Result<Self, Failure> {
        Ok(match self {
            Self::Local(model) => Self::Local(Box::new(model.with_sampling(sampling))),
            Self::Remote(model) => Self::Remote(Box::new(model.with_sampling(sampling)?)),
        })
    }

    /// Streams the text of every step as it is written, where that can be had.
    pub fn with_listener(self, listener: impl FnMut(SequenceId, &str) + Send + 'static) -> Self {
        self.map(|model| model.with_listener(listener), |model| model)
    }

    /// Whether steps carry hidden states, which `what` reads.
    pub fn with_hidden(self, hidden: bool, what: &str) -> Result<Self, Failure> {
        match self {
            Self::Remote(model) if hidden => Err(missing(what, model.name())),
            model => Ok(model.map(|model| model.with_hidden(hidden), |model| model)),
        }
    }

    /// The model in this process, which `what` needs.
    pub fn local(&self, what: &str) -> Result<&LocalModel, Failure> {
        match self {
            Self::Local(model) => Ok(model),
            Self::Remote(model) => Err(missing(what, model.name())),
        }
    }

    fn map(
        self,
        local: impl FnOnce(LocalModel) -> LocalModel,
        remote: impl FnOnce(OpenAiModel) -> OpenAiModel,
    ) -> Self {
        match self {
            Self::Local(model) => Self::Local(Box::new(local(*model))),
            Self::Remote(model) => Self::Remote(Box::new(remote(*model))),
        }
    }

    fn drafter(&self) -> &dyn Drafter {
        match self {
            Self::Local(model) => &**model,
            Self::Remote(model) => &**model,
        }
    }

    fn drafter_mut(&mut self) -> &mut dyn Drafter {
        match self {
            Self::Local(model) => &mut **model,
            Self::Remote(model) => &mut **model,
        }
    }
}

impl Drafter for Model {
    fn name(&self) -> &str {
        self.drafter().name()
    }
    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        self.drafter_mut().draft(prefixes, rule)
    }
    fn release(&mut self, id: SequenceId) {
        self.drafter_mut().release(id);
    }
    fn digest(&self) -> Option<String> {
        self.drafter().digest()
    }
}

/// The target in its role, shared with what else asks it.
#[derive(Clone)]
pub enum TargetModel {
    /// In this process.
    Local(Shared<LocalTarget>),
    /// Behind a server.
    Remote(Shared<Target<OpenAiModel>>),
}

impl TargetModel {
    /// Traces call it so, whatever it is.
    const NAME: &str = "target";

    /// A target in this process.
    pub fn of(target: LocalTarget) -> Self {
        Self::Local(Shared::new(target, Self::NAME))
    }

    /// A target behind a server.
    pub fn behind(model: OpenAiModel) -> Self {
        Self::Remote(Shared::new(Target(model.with_author(Author::Target)), Self::NAME))
    }

    /// The target in this process, which `what` needs.
    pub fn local(&self, what: &str) -> Result<Shared<LocalTarget>, Failure> {
        match self {
            Self::Local(target) => Ok(target.clone()),
            Self::Remote(target) => Err(missing(what, target.lock().name())),
        }
    }

    fn verifier(&self) -> &dyn Verifier {
        match self {
            Self::Local(target) => target,
            Self::Remote(target) => target,
        }
    }

    fn verifier_mut(&mut self) -> &mut dyn Verifier {
        match self {
            Self::Local(target) => target,
            Self::Remote(target) => target,
        }
    }
}

impl Verifier for TargetModel {
    fn name(&self) -> &str {
        self.verifier().name()
    }
    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        self.verifier_mut().rewrite(requests, rule)
    }
    fn release(&mut self, id: SequenceId) {
        self.verifier_mut().release(id);
    }
    fn digest(&self) -> Option<String> {
        self.verifier().digest()
    }
}
