//! `arbitrage collect`: labelled steps for the training of routers.

use std::collections::HashSet;
use std::path::Path;

use arbitrage_core::router::{Labelling, Oracle};
use arbitrage_core::scorer::Judge;
use arbitrage_core::trace::{JsonlReader, JsonlSink, Record, RunRecord};
use arbitrage_core::{AdvantageRouter, Drafter, Engine, EngineError, Problem, Shared, Solution, StepScorer};
use arbitrage_eval::mini::{self, Checker};
use arbitrage_eval::problems::{BadRows, ProblemRow, deduplicate, read_file, stratified};
use arbitrage_models::LocalTarget;
use arbitrage_router::Policy;
use clap::ValueEnum;
use indicatif::ProgressBar;

use crate::Failure;
use crate::cli::{CollectOptions, PairOptions, Scorer};
use crate::pair::{Pair, guessing};
use crate::progress::style;

/// Writes both models' steps for every problem, scores them, and appends the records to the output.
pub fn run(options: &CollectOptions) -> Result<(), Failure> {
    let problems = problems(options)?;
    // The lock comes first, so that nothing is written between the reading and the going on.
    let sink = JsonlSink::append(&options.out)?;
    let before = Before::read(&options.out)?;
    let Pair { draft, target, .. } = Pair::load(&options.models)?;
    let name = target.name().to_owned();
    let target = Shared::new(guessing(target, &draft, options.models.guesses)?, "target");
    let router = router(options, scorer(options, &target))?;
    let limits = options.limits.limits().with_in_flight(options.in_flight);
    let engine = Engine::new(draft, target, router)
        .with_segmenter(options.limits.segmenter()?)
        .with_notes(notes(options, &name, &problems))
        .with_limits(limits)
        .with_sink(sink);
    before.check(&options.out, &engine.run_record())?;
    let open: Vec<Problem> = problems.into_iter().filter(|problem| !before.ended.contains(&problem.id)).collect();
    solve(engine, &open, before.ended.len())
}

fn solve(
    mut engine: Engine<impl Drafter, impl arbitrage_core::Verifier, impl AdvantageRouter>,
    open: &[Problem],
    done: usize,
) -> Result<(), Failure> {
    let bar = ProgressBar::new((open.len() + done) as u64);
    bar.set_style(style("{wide_bar} {pos}/{len} {elapsed} {eta} {msg}"));
    bar.set_position(done as u64);
    let mut counts = Counts::default();
    engine.solve_each(open, |index, answer| {
        if let Some(error) = counts.count(answer) {
            bar.suspend(|| anstream::eprintln!("problem {}: {error}", open[index].id));
        }
        bar.inc(1);
        bar.set_message(format!("{} steps, {} with a gain", counts.steps, counts.gains));
    });
    bar.finish();
    println!(
        "{} problems, {} labelled steps, {} with a gain, {} errors",
        open.len() + done,
        counts.steps,
        counts.gains,
        counts.errors
    );
    Ok(())
}

#[derive(Default)]
struct Counts {
    steps: usize,
    gains: usize,
    errors: usize,
}

impl Counts {
    fn count(&mut self, answer: Result<Solution, EngineError>) -> Option<EngineError> {
        match answer {
            Ok(solution) => {
                let scores = |record: &arbitrage_core::trace::StepRecord| {
                    Some(record.decision.target_score? > record.decision.draft_score?)
                };
                let labels: Vec<bool> = solution.records.iter().filter_map(scores).collect();
                self.steps += labels.len();
                self.gains += labels.iter().filter(|gain| **gain).count();
                None
            }
            Err(error) => {
                self.errors += 1;
                Some(error)
            }
        }
    }
}

fn problems(options: &CollectOptions) -> Result<Vec<Problem>, Failure> {
    let bad = if options.skip_bad_rows { BadRows::Skip } else { BadRows::Fail };
    let mut rows: Vec<ProblemRow> = Vec::new();
    for path in &options.problems {
        let read = read_file(path, bad)?;
        read.skipped.iter().for_each(|error| anstream::eprintln!("left out: {error}"));
        rows.extend(read.rows);
    }
    let dropped = deduplicate(&mut rows);
    if dropped > 0 {
        anstream::eprintln!("{dropped} problems left out, whose questions were there before");
    }
    let rows = stratified(rows, options.count.unwrap_or(usize::MAX), options.seed);
    let generated = options.mini.as_ref().map(|range| mini::problems(range.stream, range.from..range.to));
    let problems: Vec<Problem> =
        rows.into_iter().map(|row| row.problem).chain(generated.into_iter().flatten()).collect();
    let mut ids = HashSet::new();
    if let Some(twice) = problems.iter().find(|problem| !ids.insert(&problem.id)) {
        Err(format!("two problems are named `{}`, so that their records could not be told apart", twice.id).into())
    } else if problems.is_empty() {
        Err("no problems: name files with --problems, or a range with --mini".into())
    } else {
        Ok(problems)
    }
}

/// What the output holds already.
#[derive(Default)]
struct Before {
    runs: Vec<RunRecord>,
    ended: HashSet<String>,
    steps: usize,
}

impl Before {
    fn read(path: &Path) -> Result<Self, Failure> {
        let mut before = Self::default();
        for record in JsonlReader::open(path)? {
            match record? {
                Record::Run(run) => before.runs.push(run),
                Record::Solution(solution) => drop(before.ended.insert(solution.problem)),
                _ => before.steps += 1,
            }
        }
        Ok(before)
    }

    /// Refuses to go on with another pair, policy, scorer or set of problems: nobody could tell such records apart.
    fn check(&self, path: &Path, run: &RunRecord) -> Result<(), Failure> {
        let path = path.display();
        if self.runs.is_empty() && self.steps + self.ended.len() > 0 {
            return Err(format!("{path}: does not say which models wrote it, so that nothing is added").into());
        }
        match self.runs.iter().map(|before| before.differences(run)).find(|differences| !differences.is_empty()) {
            Some(differences) => Err(format!("{path}: holds another collection: {}", differences.join("; ")).into()),
            None => Ok(()),
        }
    }
}

fn scorer(options: &CollectOptions, target: &Shared<LocalTarget>) -> Box<dyn StepScorer> {
    match options.scorer {
        Scorer::Checker => Box::new(Checker),
        Scorer::Judge => Box::new(Judge::new(target.clone())),
    }
}

/// The oracle at τ = 0, or another policy's decisions with the same labels.
fn router(options: &CollectOptions, scorer: Box<dyn StepScorer>) -> Result<Box<dyn AdvantageRouter>, Failure> {
    match options.policy {
        Policy::Oracle(tau) => Ok(Box::new(Oracle::new(scorer, tau)?)),
        policy if policy.needs_scorer() => Err(format!("collecting along `{policy}` needs a scorer of its own").into()),
        policy => Ok(Box::new(Labelling::new(scorer, policy.router(None)?))),
    }
}

/// What texts and labels depend on beside models, router and limits.
fn notes(options: &CollectOptions, target: &str, problems: &[Problem]) -> serde_json::Value {
    let PairOptions { temperature, top_p, top_k, min_p, system, .. } = &options.models;
    serde_json::json!({
        "collected": { "policy": options.policy.to_string(), "seed": options.seed },
        "target": target,
        "scorer": name(options.scorer),
        "problems": { "count": problems.len(), "digest": format!("{:016x}", digest(problems)) },
        "segmenter": name(options.limits.segmenter),
        "sampling": { "temperature": temperature, "top_p": top_p, "top_k": top_k, "min_p": min_p },
        "system": system,
    })
}

/// What an option's value is called on the command line.
fn name(value: impl ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}

/// A hash of names, questions and seeds, in order (FNV-1a).
fn digest(problems: &[Problem]) -> u64 {
    let texts = |problem: &Problem| format!("{:?}", (&problem.id, &problem.question, problem.seed)).into_bytes();
    let eat = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    problems.iter().flat_map(texts).fold(0xcbf2_9ce4_8422_2325, eat)
}
