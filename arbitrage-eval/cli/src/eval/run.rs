//! One run of an evaluation: a policy on a benchmark.

use std::path::{Path, PathBuf};

use arbitrage_core::trace::{RunNotes, Trace};
use arbitrage_core::{Drafter, Engine, Usage};
use arbitrage_eval::harness::{BenchmarkHarness, Shard, trace_path};
use arbitrage_models::LoadOptions;
use arbitrage_router::Policy;

use super::LoadedBenchmark;
use super::config::EngineOptions;
use super::grades::export_lm_eval;
use super::plan::PlannedRun;
use super::progress::RunProgress;
use crate::Failure;
use crate::interrupt::{self, UntilInterrupted};
use crate::model::Model;
use crate::pair::{LoadedPair, RoutedEngine, RouterSource, as_verifier, default_scorer, open_router, router_folder};
use crate::placement::ModelRole;
use crate::promise::promise;
use crate::rollouts::no_rollouts;
use crate::run_notes::{run_notes, with_policy};
use crate::scorer_choice::Scorer;

/// Runs policies with the same two models, which are loaded once.
pub(super) struct Runner<'a> {
    options: &'a EngineOptions,
    draft: Model,
    target: Model,
    scorer_load: LoadOptions,
    shard: Option<Shard>,
    folder: PathBuf,
}

impl<'a> Runner<'a> {
    /// Runs of a pair into `folder`, on the shard of the problems if there is one.
    pub(super) fn new(
        options: &'a EngineOptions,
        pair: LoadedPair,
        shard: Option<Shard>,
        folder: PathBuf,
    ) -> Result<Self, Failure> {
        let LoadedPair { draft, target } = pair;
        let scorer_load = options.models.placement.load(ModelRole::Scorer)?;
        Ok(Self { options, draft, target, scorer_load, shard, folder })
    }

    /// Solves the problems that the run's trace has no solution of. Then sorts the trace, and grades it.
    pub(super) fn run(&self, benchmark: &LoadedBenchmark<'_>, planned: &PlannedRun<'_>) -> Result<(), Failure> {
        let problems = &benchmark.set.problems;
        let problems = self.shard.map_or_else(|| problems.clone(), |shard| shard.of(problems));
        let planned = self.with_matched_rate(planned, &benchmark.folder(&self.folder))?;
        let gold = &benchmark.set.gold;
        let harness =
            BenchmarkHarness { evaluation: &self.folder, benchmark: &benchmark.config.name, problems: &problems, gold };
        let run = harness.open(&planned.label)?;
        let engine = self.engine(benchmark, &planned)?;
        let title = format!("{} · {}", benchmark.config.name, planned.label);
        let done = problems.len() - run.open_problems();
        let mut progress = RunProgress::new(title, gold, done, problems.len());
        let graded = run.solve(engine, UntilInterrupted, |problem, solution| progress.add(problem, solution));
        progress.finish();
        export_lm_eval(&graded?, benchmark)?;
        Ok(interrupt::check()?)
    }

    /// The run with its rate, if that is the rate of another run.
    fn with_matched_rate<'p>(&self, planned: &PlannedRun<'p>, folder: &Path) -> Result<PlannedRun<'p>, Failure> {
        let Some(other) = &planned.config.matches else { return Ok(planned.clone()) };
        let trace = Trace::read(trace_path(folder, other))?;
        let usage: Usage = trace.solutions().into_iter().map(|end| end.usage).sum();
        Ok(PlannedRun { policy: planned.matching(&usage)?, ..planned.clone() })
    }

    fn engine(&self, benchmark: &LoadedBenchmark<'_>, planned: &PlannedRun<'_>) -> Result<RoutedEngine, Failure> {
        let (models, config) = (&self.options.models, planned.config);
        let target = self.target.share().with_hidden(matches!(config.scorer, Some(Scorer::Head(_))), "a head")?;
        let notes = self.notes(benchmark, planned, target.name())?;
        let target = as_verifier(target, &self.draft, config.speculation.unwrap_or(models.speculation))?;
        let folder = self.router_folder(planned)?;
        let scorer = |policy| match &config.scorer {
            Some(scorer) => scorer.open(|what| target.local(what), &benchmark.set.rows, no_rollouts, &self.scorer_load),
            None => default_scorer(models, policy, &target),
        };
        let source = RouterSource { folder: folder.as_deref(), placement: &models.placement };
        let (router, draft) =
            open_router(planned.policy, source, self.draft.share(), &target, || scorer(planned.policy))?;
        let drafts = config.lookahead().choosing(planned.policy, || scorer(Policy::Rsd(0.5)))?;
        let limits = &self.options.limits;
        let engine = Engine::new(draft, target, config.lookahead().hand_over(router))
            .with_segmenter(limits.segmenter()?)
            .with_limits(limits.limits().with_in_flight(benchmark.in_flight))
            .with_notes(notes);
        Ok(match drafts {
            Some((drafts, by)) => engine.with_drafts(drafts, by),
            None => engine,
        })
    }

    fn router_folder(&self, planned: &PlannedRun<'_>) -> Result<Option<PathBuf>, Failure> {
        match planned.policy {
            Policy::Learned(_) => router_folder(&self.options.models, planned.config.router.as_deref()),
            _ => Ok(None),
        }
    }

    /// The notes of the run, which are the same for a shard as for the whole.
    fn notes(
        &self,
        benchmark: &LoadedBenchmark<'_>,
        planned: &PlannedRun<'_>,
        target: &str,
    ) -> Result<RunNotes, Failure> {
        let EngineOptions { models, limits } = self.options;
        let router = self.router_folder(planned)?;
        let notes =
            with_policy(run_notes(models, limits, target, &benchmark.set.problems), planned.policy, router.as_deref())?;
        let promise = promise(
            planned.config.lookahead().of(planned.policy),
            router.as_deref(),
            limits.limits(),
            &notes,
            self.draft.name(),
        )?;
        Ok(RunNotes {
            label: Some(planned.label.clone()),
            family: Some(planned.family.clone()),
            benchmark: Some(benchmark.config.name.clone()),
            scorer: planned.config.scorer.as_ref().map(|scorer| scorer.note(None)).transpose()?,
            promise: promise.map(|promise| promise.to_string()),
            ..notes
        })
    }
}
