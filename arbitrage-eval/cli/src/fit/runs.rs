//! Runs of several policies on the same problems in turns, block by block, so that whatever else runs on the machine slows all of them
//! down alike.

use std::path::{Path, PathBuf};

use arbitrage_core::Problem;
use arbitrage_core::trace::{RunNotes, Trace};
use arbitrage_eval::harness::{GradedRun, Records, solve_into, trace_path};
use arbitrage_eval::results::{Grades, PolicyResults, problem_results};
use arbitrage_router::Policy;
use indicatif::ProgressBar;

use crate::Failure;
use crate::cli::{FitOptions, LimitOptions, PairOptions, SpeculationSource};
use crate::files::create_folder;
use crate::interrupt::{self, UntilInterrupted};
use crate::pair::{EngineSettings, LoadedPair, NeededRoles, RoutedEngine, as_verifier};
use crate::problem_set::ProblemSet;
use crate::progress::style;

/// Number of turns that every policy has.
const TURNS: usize = 6;

/// The pair, loaded once for all runs.
pub(super) struct PairRunner<'a> {
    models: &'a PairOptions,
    limits: &'a LimitOptions,
    in_flight: usize,
    /// Both models.
    pub pair: LoadedPair,
}

/// One of the runs.
pub(super) struct RunPlan<'a> {
    /// Its name in reports, and of its trace.
    pub label: &'a str,
    /// The policy.
    pub policy: Policy,
    /// Where the target's speculative tokens come from.
    pub speculation: SpeculationSource,
    /// The folder of the trained router, for the policy `learned`.
    pub router: Option<&'a Path>,
}

/// Where the traces of the runs are.
pub(super) struct RunFolder<'a> {
    /// The folder of the evaluation.
    pub evaluation: &'a Path,
    /// Its benchmark.
    pub benchmark: &'a str,
}

impl RunFolder<'_> {
    /// The trace of a run.
    pub(super) fn trace(&self, label: &str) -> PathBuf {
        trace_path(&self.evaluation.join(self.benchmark), label)
    }
}

impl RunPlan<'_> {
    /// The target alone.
    pub(super) const TARGET: RunPlan<'static> =
        RunPlan { label: "target", policy: Policy::Target, speculation: SpeculationSource::Off, router: None };
    /// The draft alone.
    pub(super) const DRAFT: RunPlan<'static> =
        RunPlan { label: "draft", policy: Policy::Draft, speculation: SpeculationSource::Off, router: None };
    /// The target with tokens that the draft proposes.
    pub(super) const SPECULATION: RunPlan<'static> =
        RunPlan { label: "speculation", policy: Policy::Target, speculation: SpeculationSource::Draft, router: None };
}

impl<'a> PairRunner<'a> {
    /// Loads both models.
    pub(super) fn load(options: &'a FitOptions) -> Result<Self, Failure> {
        let pair = LoadedPair::load(&options.models, NeededRoles::BOTH)?.warmed_up()?;
        let in_flight = options.problems.in_flight;
        Ok(Self { models: &options.models, limits: &options.limits, in_flight, pair })
    }

    /// Whether the target can verify tokens that the draft proposes: where both are in this process, with one vocabulary.
    pub(super) fn can_speculate(&self) -> bool {
        as_verifier(self.pair.target.share(), &self.pair.draft, SpeculationSource::Draft).is_ok()
    }

    /// Solves what the traces do not have yet, in turns, and grades each run. An interrupted call is resumed by the next.
    pub(super) fn run_in_turns(
        &self,
        set: &ProblemSet,
        plans: &[RunPlan<'_>],
        folder: &RunFolder<'_>,
    ) -> Result<(), Failure> {
        create_folder(&folder.evaluation.join(folder.benchmark))?;
        let bar = ProgressBar::new((set.problems.len() * plans.len()) as u64);
        bar.set_style(style("{prefix} {wide_bar} {pos}/{len} {elapsed}, {eta} left"));
        bar.set_prefix(folder.benchmark.to_owned());
        for (turn, block) in set.problems.chunks(self.block_size(set.problems.len())).enumerate() {
            for at in 0..plans.len() {
                // No policy always comes first.
                let plan = &plans[(turn + at) % plans.len()];
                self.solve_block(&set.problems, block, plan, folder, &bar)?;
            }
        }
        bar.finish_and_clear();
        for plan in plans {
            let path = folder.trace(plan.label);
            GradedRun::write(Trace::read(&path)?, &set.problems, &set.gold, path)?;
        }
        Ok(())
    }

    /// A block fills the batch several times, since the last problems of a block leave it half empty.
    fn block_size(&self, problems: usize) -> usize {
        const BATCHES: usize = 2;
        problems.div_ceil(TURNS).max(BATCHES * self.in_flight)
    }

    fn solve_block(
        &self,
        problems: &[Problem],
        block: &[Problem],
        plan: &RunPlan<'_>,
        folder: &RunFolder<'_>,
        bar: &ProgressBar,
    ) -> Result<(), Failure> {
        let (sink, records) = Records::open(&folder.trace(plan.label))?;
        let open = records.open_problems(block).len();
        bar.inc((block.len() - open) as u64);
        if open == 0 {
            return Ok(());
        }
        let engine = self.engine(plan, problems, folder.benchmark)?;
        let solved = solve_into(engine, block, UntilInterrupted(sink), &records, |problem, solution| {
            if let Err(error) = solution {
                bar.suspend(|| anstream::eprintln!("problem {}: {error}", problem.id));
            }
            bar.inc(1);
        });
        interrupt::check()?;
        Ok(solved?)
    }

    /// The engine of a run on `problems`.
    pub(super) fn engine(
        &self,
        plan: &RunPlan<'_>,
        problems: &[Problem],
        benchmark: &str,
    ) -> Result<RoutedEngine, Failure> {
        let Self { models, limits, in_flight, .. } = *self;
        let RunPlan { policy, router, speculation, .. } = *plan;
        let settings = EngineSettings { models, limits, in_flight, policy, router, speculation };
        let notes = RunNotes {
            label: Some(plan.label.to_owned()),
            family: Some(plan.label.to_owned()),
            benchmark: Some(benchmark.to_owned()),
            ..settings.notes(&self.pair, problems)?
        };
        settings.engine(&self.pair, notes)
    }
}

/// The results of a run that [`PairRunner::run_in_turns`] graded.
pub(super) fn results(folder: &RunFolder<'_>, label: &str, set: &ProblemSet) -> Result<PolicyResults, Failure> {
    let trace = Trace::read(folder.trace(label))?;
    let grades = Grades::new(arbitrage_eval::harness::grade(&trace, &set.gold));
    Ok(PolicyResults::new(folder.benchmark, label, None, problem_results(&trace, &grades, 0)?.problems)?)
}
