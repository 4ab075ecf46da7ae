//! `arbitrage eval`, `merge` and `regrade`: policies on benchmarks, configured by one file.

mod config;
mod grades;
mod merge;
mod plan;
mod progress;
mod run;

use std::path::{Path, PathBuf};

use arbitrage_core::Draw;

use crate::Failure;
use crate::cli::{BadRowOptions, EvalOptions, MergeOptions, ProblemOptions, RegradeOptions};
use crate::interrupt;
use crate::pair::{LoadedPair, NeededRoles};
use crate::problem_set::ProblemSet;
use crate::report;
use config::{BenchmarkConfig, EvalConfig};
use plan::plan;
pub(crate) use progress::RunProgress;

/// Runs what is not finished, and writes the report.
pub(crate) fn run(options: &EvalOptions) -> Result<(), Failure> {
    let config = EvalConfig::read(&options.config)?;
    let engine = config.engine_options()?;
    let runs = plan(&config)?;
    let benchmarks = LoadedBenchmark::load_all(&config)?;
    let folder = options.shard.map_or_else(|| options.out.clone(), |shard| options.out.join(shard.folder()));
    let runs: Vec<_> = runs.iter().filter(|planned| options.shard.is_none() || planned.can_be_sharded()).collect();
    let needed = runs.iter().map(|planned| planned.needed_roles(&engine.models)).reduce(NeededRoles::or);
    let pair = LoadedPair::load(&engine.models, needed.unwrap_or(NeededRoles::BOTH))?.warmed_up()?;
    let runner = run::Runner::new(&engine, pair, options.shard, folder)?;
    interrupt::listen()?;
    for benchmark in &benchmarks {
        for planned in &runs {
            runner.run(benchmark, planned)?;
        }
    }
    options.shard.map_or_else(|| report::of_finished(&options.out), |_| Ok(()))
}

/// Merges the shards of an evaluation, and writes the report.
pub(crate) fn merge(options: &MergeOptions) -> Result<(), Failure> {
    let config = EvalConfig::read(&options.config)?;
    let runs = plan(&config)?;
    for benchmark in LoadedBenchmark::load_all(&config)? {
        let mut sharded = runs.iter().filter(|planned| planned.can_be_sharded());
        sharded.try_for_each(|planned| merge::merge(&benchmark, planned, &options.out))?;
    }
    if let Some(planned) = runs.iter().find(|planned| !planned.can_be_sharded()) {
        anstream::eprintln!(
            "`{}` takes its rate from a whole run: run `arbitrage eval` without --shard to add it",
            planned.label
        );
    }
    report::of_finished(&options.out)
}

/// Grades the finished runs of an evaluation again, and writes the report.
pub(crate) fn regrade(options: &RegradeOptions) -> Result<(), Failure> {
    let config = EvalConfig::read(&options.config)?;
    let runs = plan(&config)?;
    for mut benchmark in LoadedBenchmark::load_all(&config)? {
        benchmark.set.gold = benchmark.set.gold.with_profile(options.profile);
        runs.iter().try_for_each(|planned| grades::regrade(&benchmark, planned, &options.out))?;
    }
    report::of_finished(&options.out)
}

/// A benchmark with its problems.
pub(crate) struct LoadedBenchmark<'c> {
    /// The configuration.
    pub config: &'c BenchmarkConfig,
    /// Number of problems that are solved at the same time.
    pub in_flight: usize,
    /// The problems, with the seeds of this evaluation.
    pub set: ProblemSet,
}

impl<'c> LoadedBenchmark<'c> {
    fn load_all(config: &'c EvalConfig) -> Result<Vec<Self>, Failure> {
        config.benchmarks.iter().map(|benchmark| Self::load(benchmark, config)).collect()
    }

    fn load(benchmark: &'c BenchmarkConfig, config: &EvalConfig) -> Result<Self, Failure> {
        let in_flight = benchmark.in_flight.unwrap_or(config.in_flight);
        let mut set = ProblemSet::load(&ProblemOptions {
            problems: benchmark.problems.clone(),
            format: benchmark.format.clone(),
            count: benchmark.count,
            bad_rows: BadRowOptions { skip_bad_rows: benchmark.skip_bad_rows },
            mini: benchmark.mini.clone(),
            family: benchmark.family.clone(),
            in_flight,
            seed: config.seed,
        })
        .map_err(|error| format!("benchmark `{}`: {error}", benchmark.name))?;
        set.problems.iter().try_for_each(|problem| set.gold.answer(problem).map(drop))?;
        set.problems.iter_mut().for_each(|problem| problem.seed = sample_seed(problem.seed, config.seed));
        Ok(Self { config: benchmark, in_flight, set })
    }

    /// The folder of the benchmark's traces, in that of an evaluation or a shard.
    pub(crate) fn folder(&self, evaluation: &Path) -> PathBuf {
        evaluation.join(&self.config.name)
    }
}

/// The seed of a problem's samples, from its own seed and that of the evaluation.
fn sample_seed(problem: u64, evaluation: u64) -> u64 {
    Draw::new(Draw::new(evaluation).next_u64() ^ problem).next_u64()
}
