//! The engines of a calibration's runs.

use arbitrage_core::{AdvantageRouter, Drafter, Engine, Problem};
use arbitrage_router::Policy;

use super::loss::LossSetup;
use crate::Failure;
use crate::model::{Model, TargetModel};
use crate::pair::{LoadedPair, NeededRoles, RouterSource, as_verifier, default_scorer, open_router};
use crate::run_notes::{run_notes, with_policy};

/// Engines of one pair, whose models are loaded once.
pub(super) struct PairEngines<'a> {
    setup: &'a LossSetup<'a>,
    draft: Model,
    target: Model,
}

impl<'a> PairEngines<'a> {
    /// Loads both models.
    pub(super) fn load(setup: &'a LossSetup<'a>) -> Result<Self, Failure> {
        let LoadedPair { draft, target } = LoadedPair::load(setup.models, NeededRoles::BOTH)?.warmed_up()?;
        Ok(Self { setup, draft, target })
    }

    /// Whether both models are in this process, so that the same decisions lead to the same texts.
    pub(super) fn are_local(&self) -> bool {
        matches!((&self.draft, &self.target), (Model::Local(_), Model::Local(_)))
    }

    /// The engine of a policy, with the notes that `run` writes too.
    pub(super) fn engine(&self, policy: Policy, problems: &[Problem]) -> Result<RoutedEngine, Failure> {
        let LossSetup { models, limits, in_flight, router, .. } = *self.setup;
        let target = self.target.share();
        let notes = run_notes(models, limits, target.name(), problems);
        let notes = with_policy(notes, policy, router)?;
        let target = as_verifier(target, &self.draft, models.speculation)?;
        let source = RouterSource { folder: router, placement: &models.placement };
        let scorer = || default_scorer(models, policy, &target);
        let (router, draft) = open_router(policy, source, self.draft.share(), &target, scorer)?;
        Ok(Engine::new(draft, target, router)
            .with_segmenter(limits.segmenter()?)
            .with_limits(limits.limits().with_in_flight(in_flight))
            .with_notes(notes))
    }
}

type RoutedEngine = Engine<Model, TargetModel, Box<dyn AdvantageRouter>>;
