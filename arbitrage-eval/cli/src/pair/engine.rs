//! The engine of a pair under a policy.

use std::path::Path;

use arbitrage_core::trace::RunNotes;
use arbitrage_core::{AdvantageRouter, Drafter, Engine, Problem};
use arbitrage_router::Policy;

use super::{LoadedPair, RouterSource, as_verifier, default_scorer, open_router};
use crate::Failure;
use crate::cli::{LimitOptions, PairOptions, SpeculationSource};
use crate::model::{Model, TargetModel};
use crate::run_notes::{run_notes, with_policy};

/// An engine of the pair's models.
pub(crate) type RoutedEngine = Engine<Model, TargetModel, Box<dyn AdvantageRouter>>;

/// What an engine of shared models is made of, besides the models.
#[derive(Clone, Copy)]
pub(crate) struct EngineSettings<'a> {
    /// The options of the models.
    pub models: &'a PairOptions,
    /// Where steps and solutions end.
    pub limits: &'a LimitOptions,
    /// Number of problems that are solved at the same time.
    pub in_flight: usize,
    /// The policy.
    pub policy: Policy,
    /// The folder of the trained router, for the policy `learned`.
    pub router: Option<&'a Path>,
    /// Where the target's speculative tokens come from.
    pub speculation: SpeculationSource,
}

impl EngineSettings<'_> {
    /// The notes of a run on `problems`, as `run` writes them.
    pub(crate) fn notes(&self, pair: &LoadedPair, problems: &[Problem]) -> Result<RunNotes, Failure> {
        with_policy(run_notes(self.models, self.limits, pair.target.name(), problems), self.policy, self.router)
    }

    /// The engine, which shares the weights of `pair`.
    pub(crate) fn engine(&self, pair: &LoadedPair, notes: RunNotes) -> Result<RoutedEngine, Failure> {
        let LoadedPair { draft, target } = pair.share();
        let target = as_verifier(target, &draft, self.speculation)?;
        let source = RouterSource { folder: self.router, placement: &self.models.placement };
        let scorer = || default_scorer(self.models, self.policy, &target);
        let (router, draft) = open_router(self.policy, source, draft, &target, scorer)?;
        Ok(Engine::new(draft, target, router)
            .with_segmenter(self.limits.segmenter()?)
            .with_limits(self.limits.limits().with_in_flight(self.in_flight))
            .with_notes(notes))
    }
}
