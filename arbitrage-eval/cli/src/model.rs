//! A model of the pair: in this process, behind a server, or not loaded.

use arbitrage_core::{
    Author, Drafter, Prefix, SequenceId, Shared, StepResult, StepRule, Target, Verifier, forward_methods,
};
use arbitrage_models::remote::OpenAiModel;
use arbitrage_models::sampler::Sampling;
use arbitrage_models::{LocalModel, LocalTarget};

use crate::Failure;
use crate::placement::ModelRole;

/// A model in this process, or behind a server.
pub(crate) enum Model {
    /// In this process.
    Local(Box<LocalModel>),
    /// Behind a server.
    Remote(Box<OpenAiModel>),
    /// Not loaded, since nothing asks it.
    Unloaded(UnloadedModel),
}

/// The name of a model that is not loaded. Asking it for a step is an error.
#[derive(Clone)]
pub(crate) struct UnloadedModel {
    /// The name that the model would have.
    pub name: String,
    /// The digest of its weights, where it is known.
    pub digest: Option<String>,
    /// Its role.
    pub role: ModelRole,
}

impl UnloadedModel {
    fn error(&self, what: &str) -> Failure {
        let role = self.role.name();
        format!("{what} needs the {role} `{}`, which was not loaded, since the policy needs none", self.name).into()
    }
}

impl Drafter for UnloadedModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn draft(&mut self, prefixes: &[Prefix<'_>], _rule: &StepRule<'_>) -> Vec<StepResult> {
        prefixes.iter().map(|_| Err(self.error("a step"))).collect()
    }

    fn digest(&self) -> Option<String> {
        self.digest.clone()
    }
}

/// The error where a model behind a server is used for what only a model in this process can do.
fn needs_local(what: &str, name: &str) -> Failure {
    format!("{what} needs a model in this process, and `{name}` is behind a server").into()
}

impl Model {
    /// The same model with its own settings and cache.
    pub(crate) fn share(&self) -> Self {
        match self {
            Self::Local(model) => Self::Local(Box::new(model.share())),
            Self::Remote(model) => Self::Remote(model.clone()),
            Self::Unloaded(model) => Self::Unloaded(model.clone()),
        }
    }

    /// Sets the author whose random numbers the model draws.
    pub(crate) fn with_author(self, author: Author) -> Self {
        self.map(|model| model.with_author(author), |model| model.with_author(author))
    }

    /// Sets how tokens are sampled.
    pub(crate) fn with_sampling(self, sampling: Sampling) -> Result<Self, Failure> {
        Ok(match self {
            Self::Local(model) => Self::Local(Box::new(model.with_sampling(sampling))),
            Self::Remote(model) => Self::Remote(Box::new(model.with_sampling(sampling)?)),
            unloaded @ Self::Unloaded(_) => unloaded,
        })
    }

    /// Streams the text of every step while it is written. Models behind servers do not stream.
    pub(crate) fn with_listener(self, listener: impl FnMut(SequenceId, &str) + Send + 'static) -> Self {
        self.map(|model| model.with_listener(listener), |model| model)
    }

    /// Sets whether steps carry hidden states, for `what`.
    pub(crate) fn with_hidden(self, hidden: bool, what: &str) -> Result<Self, Failure> {
        match self {
            Self::Remote(model) if hidden => Err(needs_local(what, model.name())),
            model => Ok(model.map(|model| model.with_hidden(hidden), |model| model)),
        }
    }

    /// The model in this process, which `what` needs.
    pub(crate) fn local(&self, what: &str) -> Result<&LocalModel, Failure> {
        match self {
            Self::Local(model) => Ok(model),
            Self::Remote(model) => Err(needs_local(what, model.name())),
            Self::Unloaded(model) => Err(model.error(what)),
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
            unloaded @ Self::Unloaded(_) => unloaded,
        }
    }

    fn drafter(&self) -> &dyn Drafter {
        match self {
            Self::Local(model) => &**model,
            Self::Remote(model) => &**model,
            Self::Unloaded(model) => model,
        }
    }

    fn drafter_mut(&mut self) -> &mut dyn Drafter {
        match self {
            Self::Local(model) => &mut **model,
            Self::Remote(model) => &mut **model,
            Self::Unloaded(model) => model,
        }
    }
}

impl Drafter for Model {
    forward_methods!(Drafter, self => self.drafter(); name, digest);
    forward_methods!(Drafter, self => self.drafter_mut(); draft, draft_several, release);
}

/// The target as verifier. Clones share one model, so that a judge or a head reads with the caches of the verifier.
#[derive(Clone)]
pub(crate) enum TargetModel {
    /// In this process.
    Local(Shared<LocalTarget>),
    /// Behind a server.
    Remote(Shared<Target<OpenAiModel>>),
    /// Not loaded, since nothing asks it.
    Unloaded(Shared<Target<UnloadedModel>>),
}

impl TargetModel {
    /// The name in traces, whichever model it is: its own name is in the notes of a run.
    const NAME: &str = "target";

    /// A target in this process.
    pub(crate) fn local_target(target: LocalTarget) -> Self {
        Self::Local(Shared::new(target, Self::NAME))
    }

    /// A target behind a server.
    pub(crate) fn remote(model: OpenAiModel) -> Self {
        Self::Remote(Shared::new(Target(model.with_author(Author::Target)), Self::NAME))
    }

    /// A target that is not loaded.
    pub(crate) fn unloaded(model: UnloadedModel) -> Self {
        Self::Unloaded(Shared::new(Target(model), Self::NAME))
    }

    /// The target in this process, which `what` needs.
    pub(crate) fn local(&self, what: &str) -> Result<Shared<LocalTarget>, Failure> {
        match self {
            Self::Local(target) => Ok(target.clone()),
            Self::Remote(target) => Err(needs_local(what, target.lock().name())),
            Self::Unloaded(target) => Err(target.lock().0.error(what)),
        }
    }

    fn verifier(&self) -> &dyn Verifier {
        match self {
            Self::Local(target) => target,
            Self::Remote(target) => target,
            Self::Unloaded(target) => target,
        }
    }

    fn verifier_mut(&mut self) -> &mut dyn Verifier {
        match self {
            Self::Local(target) => target,
            Self::Remote(target) => target,
            Self::Unloaded(target) => target,
        }
    }
}

impl Verifier for TargetModel {
    forward_methods!(Verifier, self => self.verifier(); name, digest);
    forward_methods!(Verifier, self => self.verifier_mut(); rewrite, release);
}
