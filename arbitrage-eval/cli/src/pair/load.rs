//! The models of a pair, in this process or behind servers.

use arbitrage_core::segmenter::TokenBudget;
use arbitrage_core::{Drafter, Prefix, Problem, SequenceId, StepRule};
use arbitrage_models::sampler::Sampling;
use arbitrage_models::{Error, LoadOptions, LocalModel};

use super::needed_roles::NeededRoles;
use super::open::{ModelToLoad, RoleModel, open_both};
use super::registry::{TARGET_COPY, model_names};
use crate::Failure;
use crate::cli::PairOptions;
use crate::model::Model;
use crate::placement::ModelRole;

/// Two models, of which those are loaded that are needed.
pub(crate) struct LoadedPair {
    /// The draft.
    pub draft: Model,
    /// The target.
    pub target: Model,
}

impl LoadedPair {
    /// Downloads the `needed` models unless they are cached, and loads them.
    pub(crate) fn load(options: &PairOptions, needed: NeededRoles) -> Result<Self, Failure> {
        let names = model_names(options)?;
        options.placement.check()?;
        let sampling = sampling(options)?;
        let draft = RoleModel::find(&names.draft, ModelRole::Draft, needed.draft, options)?;
        // A copy takes over what it has in common with the target, and is compared with it.
        let is_copy = options.draft.as_deref() == Some(TARGET_COPY);
        let target =
            RoleModel::find(&names.target, ModelRole::Target, needed.target || is_copy && needed.draft, options)?;
        let (draft, target) = open_both(draft, target)?;
        if let (true, Model::Local(draft), Model::Local(target)) = (is_copy, &draft, &target)
            && draft.decoder().bytes_per_token() >= target.decoder().bytes_per_token()
        {
            anstream::eprintln!(
                "warning: --draft same: the draft is no smaller than the target, whose weights have at most as many bits as --draft-weights"
            );
        }
        Ok(Self { draft: draft.with_sampling(sampling)?, target: target.with_sampling(sampling)? })
    }

    /// The same models with their own settings and caches.
    pub(crate) fn share(&self) -> Self {
        Self { draft: self.draft.share(), target: self.target.share() }
    }

    /// Has each loaded model write a token, so that a template or weights that cannot be used and a server that does not answer are reported
    /// before the first problem, and an accelerator has compiled its kernels.
    pub(crate) fn warmed_up(mut self) -> Result<Self, Failure> {
        for model in [&mut self.draft, &mut self.target] {
            if !matches!(model, Model::Unloaded(_)) {
                decode(model, 1)?;
            }
        }
        Ok(self)
    }
}

/// Opens a model that reads solutions: as a judge, for completions or for hidden states.
pub(crate) fn open_reader(name: &str, system: Option<&str>, load: &LoadOptions) -> Result<LocalModel, Failure> {
    ModelToLoad::find(name, system, load.clone())?.open()
}

/// Seconds per token that the model decodes, measured on a few; `None` where it is not loaded or its context has no room for them.
pub(crate) fn seconds_per_token(model: &mut Model) -> Result<Option<f64>, Failure> {
    const TOKENS: usize = 8;
    if matches!(model, Model::Unloaded(_)) { Ok(None) } else { decode(model, TOKENS) }
}

/// Decodes `tokens` of an answer to a short question. Returns the seconds per token; `None` where the question does not fit the model's
/// context, which says nothing about shorter ones.
fn decode(model: &mut Model, tokens: usize) -> Result<Option<f64>, Failure> {
    let problem = Problem::new("Count from one to ten.");
    let id = SequenceId(u64::MAX);
    let segmenter = TokenBudget::new(tokens)?;
    let steps = model.draft(&[Prefix::new(id, &problem, &[])], &StepRule::new(&segmenter, tokens));
    model.release(id);
    match steps.into_iter().next().ok_or("the model returned no step at warm-up")? {
        Ok(step) => Ok(Some((step.cost.seconds - step.cost.prefill_seconds) / step.cost.decoded.max(1) as f64)),
        Err(error) if matches!(error.downcast_ref(), Some(Error::ContextFull { .. })) => Ok(None),
        Err(error) => Err(error),
    }
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

#[cfg(all(test, feature = "flex"))]
mod tests {
    use std::path::Path;

    use arbitrage_models::device;

    use super::*;

    /// A model with room for `context` tokens.
    fn model(context: usize) -> Model {
        let from =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../arbitrage-models/tests/fixtures/tiny/hf/qwen2-f32-tied");
        let folder = tempfile::tempdir().unwrap();
        for file in from.read_dir().unwrap() {
            let file = file.unwrap().path();
            std::fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
        }
        let config = folder.path().join("config.json");
        let mut fields: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&config).unwrap()).unwrap();
        fields["max_position_embeddings"] = context.into();
        std::fs::write(&config, fields.to_string()).unwrap();
        Model::Local(Box::new(LocalModel::open(folder.path(), &LoadOptions::new(device("flex").unwrap())).unwrap()))
    }

    #[test]
    fn a_context_without_room_for_the_question_is_no_error() {
        assert!(seconds_per_token(&mut model(500)).unwrap().unwrap() > 0.0);
        assert!(seconds_per_token(&mut model(4)).unwrap().is_none());
        LoadedPair { draft: model(4), target: model(4) }.warmed_up().unwrap();
    }
}
