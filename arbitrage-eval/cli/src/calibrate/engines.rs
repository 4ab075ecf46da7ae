//! The engines of a calibration's runs.

use arbitrage_core::{Drafter, Problem};
use arbitrage_router::Policy;

use super::loss::LossSetup;
use crate::Failure;
use crate::model::Model;
use crate::pair::{EngineSettings, LoadedPair, NeededRoles, RoutedEngine};
use crate::run_notes::{run_notes, with_policy};

/// Engines of one pair, whose models are loaded once.
pub(super) struct PairEngines<'a> {
    setup: &'a LossSetup<'a>,
    pair: LoadedPair,
}

impl<'a> PairEngines<'a> {
    /// Loads both models.
    pub(super) fn load(setup: &'a LossSetup<'a>) -> Result<Self, Failure> {
        let pair = LoadedPair::load(setup.models, NeededRoles::BOTH)?.warmed_up()?;
        Ok(Self { setup, pair })
    }

    /// Whether both models are in this process, so that the same decisions lead to the same texts.
    pub(super) fn are_local(&self) -> bool {
        matches!((&self.pair.draft, &self.pair.target), (Model::Local(_), Model::Local(_)))
    }

    /// The engine of a policy, with the notes that `run` writes too.
    pub(super) fn engine(&self, policy: Policy, problems: &[Problem]) -> Result<RoutedEngine, Failure> {
        let LossSetup { models, limits, in_flight, router, .. } = *self.setup;
        let notes = with_policy(run_notes(models, limits, self.pair.target.name(), problems), policy, router)?;
        let speculation = models.speculation;
        EngineSettings { models, limits, in_flight, policy, router, speculation }.engine(&self.pair, notes)
    }
}
