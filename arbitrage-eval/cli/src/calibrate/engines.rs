//! The engines of a calibration's runs.

use arbitrage_core::Problem;
use arbitrage_router::Policy;

use crate::Failure;
use crate::model::Model;
use crate::pair::{EngineSettings, LoadedPair, NeededRoles, RoutedEngine};

/// Engines of one pair, whose models are loaded once.
pub(super) struct PairEngines<'a> {
    settings: EngineSettings<'a>,
    pair: LoadedPair,
}

impl<'a> PairEngines<'a> {
    /// Loads both models. Each engine has a policy of its own, in place of that of the settings.
    pub(super) fn load(settings: EngineSettings<'a>) -> Result<Self, Failure> {
        let pair = LoadedPair::load(settings.models, NeededRoles::BOTH)?.warmed_up()?;
        Ok(Self { settings, pair })
    }

    /// Whether both models are in this process, so that the same decisions lead to the same texts.
    pub(super) fn are_local(&self) -> bool {
        matches!((&self.pair.draft, &self.pair.target), (Model::Local(_), Model::Local(_)))
    }

    /// The engine of a policy, with the notes that `run` writes too.
    pub(super) fn engine(&self, policy: Policy, problems: &[Problem]) -> Result<RoutedEngine, Failure> {
        let settings = EngineSettings { policy, ..self.settings };
        settings.engine(&self.pair, settings.notes(&self.pair, problems)?)
    }
}
