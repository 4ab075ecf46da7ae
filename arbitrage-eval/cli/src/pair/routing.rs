//! Router, scorer and verifier of an engine.

use std::path::Path;

use arbitrage_core::scorer::Judge;
use arbitrage_core::trace::ModelRecord;
use arbitrage_core::{AdvantageRouter, Drafter, StepScorer, Verifier};
use arbitrage_mini::Checker;
use arbitrage_models::speculation::{DraftModel, PromptLookup};
use arbitrage_models::{LocalTarget, ProcessReward};
use arbitrage_router::Policy;
use arbitrage_router::learned::{self, Card};

use super::registry::{MINI, mini_model};
use crate::Failure;
use crate::cli::{PairOptions, PlacementOptions, SpeculationSource};
use crate::model::{Model, TargetModel};
use crate::placement::ModelRole;

/// Where a trained router is found and where it runs.
pub(crate) struct RouterSource<'a> {
    /// Its folder, if there is one.
    pub folder: Option<&'a Path>,
    /// The device of each model.
    pub placement: &'a PlacementOptions,
}

/// The router of a policy, and the draft, which returns hidden states if the router is a probe. Refuses a trained router of another pair.
pub(crate) fn open_router(
    policy: Policy,
    RouterSource { folder, placement }: RouterSource<'_>,
    mut draft: Model,
    target: &TargetModel,
    scorer: impl FnOnce() -> Result<Box<dyn StepScorer>, Failure>,
) -> Result<(Box<dyn AdvantageRouter>, Model), Failure> {
    let Policy::Learned(tau) = policy else {
        return Ok((policy.router(policy.needs_scorer().then(scorer).transpose()?)?, draft));
    };
    let folder = folder
        .ok_or("--policy learned: expected a trained router, and this pair has none; name its folder with --router")?;
    let card = Card::open(folder)?;
    let record = |name: &str, digest: Option<String>| ModelRecord { name: name.to_owned(), digest };
    card.check_pair(&record(draft.name(), draft.digest()), &record(Verifier::name(target), Verifier::digest(target)))?;
    draft = draft.with_hidden(card.input.needs_hidden(), "a router on hidden states")?;
    let card = tau.map_or(Ok(card.clone()), |tau| card.with_threshold(tau))?;
    Ok((learned::open(card, folder, &placement.load(ModelRole::Router)?)?, draft))
}

/// The scorer of RSD and the oracle unless `--scorer` names one: the reward model (RSD) and the exact checker (oracle) for the mini
/// pair, the target as judge for other pairs.
pub(crate) fn default_scorer(
    options: &PairOptions,
    policy: Policy,
    target: &TargetModel,
) -> Result<Box<dyn StepScorer>, Failure> {
    Ok(match policy {
        _ if options.pair.as_deref() != Some(MINI) => Box::new(Judge::new(target.local("the target as judge")?)),
        Policy::Oracle(_) => Box::new(Checker),
        _ => Box::new(ProcessReward::open(mini_model("prm")?, &options.placement.load(ModelRole::Scorer)?)?),
    })
}

/// The target as verifier, with the source of its speculative tokens.
pub(crate) fn as_verifier(
    target: Model,
    draft: &Model,
    speculation: SpeculationSource,
) -> Result<TargetModel, Failure> {
    let target = match target {
        Model::Local(target) => *target,
        Model::Unloaded(target) => return Ok(TargetModel::unloaded(target)),
        Model::Remote(target) if matches!(speculation, SpeculationSource::Off | SpeculationSource::Rejected) => {
            return Ok(TargetModel::remote(*target));
        }
        Model::Remote(_) => {
            return Err(
                "--speculation: a target behind a server verifies no speculative tokens; use --speculation off".into(),
            );
        }
    };
    let target = match speculation {
        SpeculationSource::Off | SpeculationSource::Rejected => target,
        SpeculationSource::Lookup => target.with_proposer(PromptLookup::new())?,
        SpeculationSource::Draft => {
            target.with_proposer(DraftModel::new(draft.local("--speculation draft")?.share()))?
        }
    };
    Ok(TargetModel::local_target(LocalTarget::new(target).with_reuse(speculation != SpeculationSource::Off)))
}
