//! `arbitrage eval`: policies × benchmarks, from one file.

mod bar;
pub mod config;
mod grades;
mod merge;
mod plan;
mod run;

use std::path::Path;

use arbitrage_core::{Draw, Problem};
use arbitrage_eval::gold::Gold;
use arbitrage_eval::problems::ProblemRow;

use crate::Failure;
use crate::batch::problems;
use crate::cli::{EvalOptions, MergeOptions, ProblemOptions, RegradeOptions};
use crate::interrupt;
use crate::pair::Pair;
use crate::report;
use config::{Benchmark, Config};
use plan::{Planned, plan};

/// Runs what is open, and reports on everything.
pub fn run(options: &EvalOptions) -> Result<(), Failure> {
    let config = Config::read(&options.config)?;
    let asked = config.options()?;
    let runs = plan(&config)?;
    let sets = config.benchmarks.iter().map(|one| Set::load(one, &config)).collect::<Result<Vec<_>, _>>()?;
    let folder = options.shard.map_or_else(|| options.out.clone(), |shard| options.out.join(shard.folder()));
    let driver = run::Driver::new(&asked, Pair::load(&asked.models)?, options.shard, folder)?;
    interrupt::listen()?;
    for set in &sets {
        for planned in runs.iter().filter(|planned| options.shard.is_none() || planned.can_be_divided()) {
            driver.run(set, planned)?;
        }
    }
    options.shard.map_or_else(|| report::of_finished(&options.out), |_| Ok(()))
}

/// Joins the shards of an evaluation, and reports on them.
pub fn merge(options: &MergeOptions) -> Result<(), Failure> {
    let config = Config::read(&options.config)?;
    let runs = plan(&config)?;
    for benchmark in &config.benchmarks {
        let set = Set::load(benchmark, &config)?;
        let divided = runs.iter().filter(|planned| planned.can_be_divided());
        divided.map(Planned::slug).try_for_each(|slug| merge::merge(&set, &slug, &options.out))?;
    }
    if let Some(left) = runs.iter().find(|planned| !planned.can_be_divided()) {
        anstream::eprintln!("`{}` needs the rate of the whole: `eval` without --shard runs what is left", left.label);
    }
    report::of_finished(&options.out)
}

/// Grades what there is of an evaluation anew, and reports on it.
pub fn regrade(options: &RegradeOptions) -> Result<(), Failure> {
    let config = Config::read(&options.config)?;
    let runs = plan(&config)?;
    for benchmark in &config.benchmarks {
        let mut set = Set::load(benchmark, &config)?;
        set.gold = set.gold.with_profile(options.profile);
        runs.iter().try_for_each(|planned| grades::regrade(&set, planned, &options.out))?;
    }
    report::of_finished(&options.out)
}

/// A benchmark's problems, with their answers.
pub struct Set<'c> {
    /// What was asked for.
    pub benchmark: &'c Benchmark,
    /// Problems at a time.
    pub in_flight: usize,
    /// The problems, under the evaluation's seed.
    pub problems: Vec<Problem>,
    /// The rows of those from files.
    pub rows: Vec<ProblemRow>,
    /// The answers.
    pub gold: Gold,
}

impl<'c> Set<'c> {
    fn load(benchmark: &'c Benchmark, config: &Config) -> Result<Self, Failure> {
        let in_flight = benchmark.in_flight.unwrap_or(config.in_flight);
        let (mut problems, rows) = problems(&ProblemOptions {
            problems: benchmark.problems.clone(),
            format: benchmark.format.clone(),
            count: benchmark.count,
            skip_bad_rows: benchmark.skip_bad_rows,
            mini: benchmark.mini.clone(),
            family: benchmark.family.clone(),
            in_flight,
            seed: config.seed,
        })
        .map_err(|error| format!("benchmark `{}`: {error}", benchmark.name))?;
        let gold = Gold::new(&rows).with_fallback(arbitrage_mini::answer);
        problems.iter().try_for_each(|problem| gold.answer(problem).map(drop))?;
        problems.iter_mut().for_each(|problem| problem.seed = seeded(problem.seed, config.seed));
        Ok(Self { benchmark, in_flight, problems, rows, gold })
    }

    /// The folder of its records.
    pub fn folder(&self, evaluation: &Path) -> std::path::PathBuf {
        evaluation.join(&self.benchmark.name)
    }
}

/// The seed of a problem's samples, from its own and the evaluation's.
fn seeded(own: u64, evaluation: u64) -> u64 {
    Draw::new(Draw::new(evaluation).next_u64() ^ own).next_u64()
}
