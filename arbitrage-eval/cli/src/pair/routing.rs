//! The parts of an engine that are not models' files: router, scorer, verifier.

use std::path::Path;

use arbitrage_core::scorer::Judge;
use arbitrage_core::trace::ModelRecord;
use arbitrage_core::{AdvantageRouter, Drafter, StepScorer, Verifier};
use arbitrage_mini::Checker;
use arbitrage_models::speculation::{DraftModel, PromptLookup};
use arbitrage_models::{LocalTarget, ProcessReward};
use arbitrage_router::Policy;
use arbitrage_router::learned::{self, Card};

use super::registry::{MINI, mini_folder};
use crate::Failure;
use crate::cli::{Guesses, PairOptions, PlacementOptions};
use crate::model::{Model, TargetModel};
use crate::placement::Role;

/// Where a trained router is found and where it runs.
pub struct RouterPlace<'a> {
    /// Its folder, if one is known.
    pub folder: Option<&'a Path>,
    /// The devices.
    pub placement: &'a PlacementOptions,
}

/// The router of a policy, and the draft, which reports hidden states if a trained router reads them. A trained router is checked
/// against the pair.
pub fn router(
    policy: Policy,
    RouterPlace { folder, placement }: RouterPlace<'_>,
    mut draft: Model,
    target: &TargetModel,
    scorer: impl FnOnce() -> Result<Box<dyn StepScorer>, Failure>,
) -> Result<(Box<dyn AdvantageRouter>, Model), Failure> {
    let Policy::Learned(tau) = policy else {
        return Ok((policy.router(policy.needs_scorer().then(scorer).transpose()?)?, draft));
    };
    let folder =
        folder.ok_or("--policy learned: there is no trained router for this pair; name its folder with --router")?;
    let card = Card::open(folder)?;
    let record = |name: &str, digest: Option<String>| ModelRecord { name: name.to_owned(), digest };
    card.check_pair(&record(draft.name(), draft.digest()), &record(Verifier::name(target), Verifier::digest(target)))?;
    draft = draft.with_hidden(card.input.needs_hidden(), "a probe")?;
    let card = tau.map_or(Ok(card.clone()), |tau| card.with_threshold(tau))?;
    Ok((learned::open(card, folder, &placement.load(Role::Router)?)?, draft))
}

/// The scorer that RSD and the oracle use unless `--scorer` names one: for the mini pair its reward model and its exact checker, for
/// other pairs the target as judge.
pub fn scorer(options: &PairOptions, policy: Policy, target: &TargetModel) -> Result<Box<dyn StepScorer>, Failure> {
    Ok(match policy {
        _ if options.pair.as_deref() != Some(MINI) => Box::new(Judge::new(target.local("the target as judge")?)),
        Policy::Oracle(_) => Box::new(Checker),
        _ => Box::new(ProcessReward::open(mini_folder("prm")?, &options.placement.load(Role::Scorer)?)?),
    })
}

/// The target in its role as verifier, with the source of its speculative tokens.
pub fn as_verifier(target: Model, draft: &Model, guesses: Guesses) -> Result<TargetModel, Failure> {
    let target = match target {
        Model::Local(target) => *target,
        Model::Remote(target) if matches!(guesses, Guesses::Off | Guesses::Rejected) => {
            return Ok(TargetModel::behind(*target));
        }
        Model::Remote(_) => {
            return Err("--guesses: a target behind a server verifies no speculative tokens; use --guesses off".into());
        }
    };
    let target = match guesses {
        Guesses::Off | Guesses::Rejected => target,
        Guesses::Lookup => target.with_proposer(PromptLookup::new())?,
        Guesses::Draft => target.with_proposer(DraftModel::new(draft.local("--guesses draft")?.share()))?,
    };
    Ok(TargetModel::of(LocalTarget::new(target).with_reuse(guesses != Guesses::Off)))
}
