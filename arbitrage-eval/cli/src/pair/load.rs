//! Opening models, in this process or behind servers.

use std::path::Path;

use arbitrage_core::segmenter::TokenBudget;
use arbitrage_core::{Drafter, Prefix, Problem, SequenceId, StepRule};
use arbitrage_models::sampler::Sampling;
use arbitrage_models::source::{file_digest, known_digest};
use arbitrage_models::{LoadOptions, LocalModel, Prompt};

use super::registry::{TARGET_COPY, model_names};
use crate::Failure;
use crate::cli::PairOptions;
use crate::model::Model;
use crate::model_path::resolve;
use crate::placement::ModelRole;
use crate::remote_address::Address;

/// Two loaded models.
pub(crate) struct LoadedPair {
    /// The draft.
    pub draft: Model,
    /// The target.
    pub target: Model,
    /// Seconds per token that the target decodes, measured at warm-up.
    pub target_seconds_per_token: f64,
}

impl LoadedPair {
    /// Downloads both models unless they are cached, loads them and warms them up.
    pub(crate) fn load(options: &PairOptions) -> Result<Self, Failure> {
        let names = model_names(options)?;
        options.placement.check()?;
        let mut draft = open(&names.draft, ModelRole::Draft, options)?;
        let mut target = open(&names.target, ModelRole::Target, options)?;
        if let (Some(TARGET_COPY), Model::Local(draft), Model::Local(target)) =
            (options.draft.as_deref(), &draft, &target)
            && draft.decoder().bytes_per_token() >= target.decoder().bytes_per_token()
        {
            anstream::eprintln!(
                "warning: --draft same: the draft is no smaller than the target, whose weights have at most as many bits as --draft-weights"
            );
        }
        warm_up(&mut draft)?;
        let target_seconds_per_token = warm_up(&mut target)?;
        Ok(Self { draft, target, target_seconds_per_token })
    }
}

/// Opens a model by its name, path or address.
fn open(name: &str, role: ModelRole, options: &PairOptions) -> Result<Model, Failure> {
    let template = match role {
        ModelRole::Draft => options.draft_template.as_deref(),
        _ => options.target_template.as_deref(),
    };
    let model = match Address::parse(name) {
        Some(address) => {
            let model =
                address.map_err(|error| format!("--{} {name}: {error}", role.name()))?.model(role.name(), template)?;
            Model::Remote(Box::new(match &options.system {
                Some(text) => model.with_prompt(Prompt::system(text)),
                None => model,
            }))
        }
        None => {
            let path = resolve(name)?;
            let mut load = options.placement.load(role)?;
            if let (ModelRole::Draft, Some(weights)) = (role, options.draft_weights) {
                load = load.with_weights(weights);
            }
            let model = LocalModel::open(&path, &load)?;
            Model::Local(Box::new(with_identity(model, name, &path, options.system.as_deref())?))
        }
    };
    model.with_sampling(sampling(options)?)
}

/// Opens a model that reads solutions: as a judge, for completions or for hidden states.
pub(crate) fn open_reader(name: &str, system: Option<&str>, load: &LoadOptions) -> Result<LocalModel, Failure> {
    let path = resolve(name)?;
    with_identity(LocalModel::open(&path, load)?, name, &path, system)
}

/// The model with its system message and its digest.
fn with_identity(model: LocalModel, name: &str, path: &Path, system: Option<&str>) -> Result<LocalModel, Failure> {
    let model = match system {
        Some(text) => model.with_prompt(Prompt::system(text)),
        None => model,
    };
    Ok(match digest(name, path)? {
        Some(digest) => model.with_digest(digest),
        None => model,
    })
}

/// A model's digest: that of the list of known models, or else the digest of the weights in the model's folder. A known model is
/// found by its name, even in the cache of another tool, or by its path in our cache.
fn digest(name: &str, path: &Path) -> Result<Option<String>, Failure> {
    let known = known_digest(Path::new(name)).or_else(|| known_digest(path));
    let weights = path.join("model.safetensors");
    Ok(if known.is_none() && weights.is_file() { Some(file_digest(weights)?) } else { known })
}

fn sampling(options: &PairOptions) -> Result<Sampling, Failure> {
    let mut sampling = Sampling::at_temperature(options.temperature)?;
    if let Some(top_k) = options.top_k {
        sampling = sampling.with_top_k(top_k);
    }
    if let Some(top_p) = options.top_p {
        sampling = sampling.with_top_p(top_p)?;
    }
    if let Some(min_p) = options.min_p {
        sampling = sampling.with_min_p(min_p)?;
    }
    Ok(sampling)
}

/// Generates a few tokens, so that weights are paged in, threads have started and a server has answered once. Returns the seconds per
/// token.
fn warm_up(model: &mut Model) -> Result<f64, Failure> {
    const WARM_UP_TOKENS: usize = 8;
    let problem = Problem::new("Count from one to ten.");
    let id = SequenceId(u64::MAX);
    let segmenter = TokenBudget::new(WARM_UP_TOKENS)?;
    let mut seconds = 0.0;
    for _ in 0..2 {
        let steps = model.draft(&[Prefix::new(id, &problem, &[])], &StepRule::new(&segmenter, WARM_UP_TOKENS));
        let step = steps.into_iter().next().ok_or("the model returned no step at warm-up")??;
        seconds = (step.cost.seconds - step.cost.prefill_seconds) / step.cost.decoded.max(2) as f64;
    }
    model.release(id);
    Ok(seconds)
}
