//! `arbitrage collect`: labelled steps for the training of routers.

use std::collections::HashSet;
use std::path::Path;

use arbitrage_core::router::{Labelling, Oracle};
use arbitrage_core::scorer::Judge;
use arbitrage_core::trace::{JsonlReader, JsonlSink, Record};
use arbitrage_core::{AdvantageRouter, Engine, EngineError, Problem, Shared, Solution, StepScorer};
use arbitrage_eval::mini::{self, Checker};
use arbitrage_eval::problems::{BadRows, ProblemRow, deduplicate, read_file, stratified};
use arbitrage_models::LocalTarget;
use arbitrage_router::Policy;
use indicatif::ProgressBar;

use crate::Failure;
use crate::cli::{CollectOptions, ProblemOptions, Scorer};
use crate::pair::{Pair, guessing};
use crate::progress::style;

/// Writes both models' steps for every problem, scores them, and appends the records to the output.
pub fn run(options: &CollectOptions) -> Result<(), Failure> {
    let problems = problems(&options.problems)?;
    let done = solved(&options.out)?;
    let open: Vec<Problem> = problems.into_iter().filter(|problem| !done.contains(&problem.id)).collect();
    let Pair { draft, target, .. } = Pair::load(&options.models)?;
    let target = Shared::new(guessing(target, &draft, options.models.guesses)?, "target");
    let router = router(options, scorer(options, &target))?;
    let limits = options.limits.limits().with_in_flight(options.problems.in_flight);
    let engine = Engine::new(draft, target, router)
        .with_segmenter(options.limits.segmenter()?)
        .with_notes(notes(options))
        .with_sink(JsonlSink::append(&options.out)?);
    solve(engine.with_limits(limits), &open, done.len())
}

fn solve(
    mut engine: Engine<impl arbitrage_core::Drafter, impl arbitrage_core::Verifier, impl AdvantageRouter>,
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

/// The problems that the options name.
pub fn problems(options: &ProblemOptions) -> Result<Vec<Problem>, Failure> {
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
    let generator = mini::Generator::new(crate::mini::family(options.family.as_deref())?)?;
    let generated = options.mini.as_ref().map(|range| generator.problems(range.stream, range.from..range.to));
    let problems: Vec<Problem> =
        rows.into_iter().map(|row| row.problem).chain(generated.into_iter().flatten()).collect();
    if problems.is_empty() {
        Err("no problems: name files with --problems, or a range with --mini".into())
    } else {
        Ok(problems)
    }
}

/// Problems that the output has an end of.
pub fn solved(path: &Path) -> Result<HashSet<String>, Failure> {
    if !path.exists() {
        return Ok(HashSet::new());
    }
    let mut ids = HashSet::new();
    for record in JsonlReader::open(path)? {
        if let Record::Solution(solution) = record? {
            ids.insert(solution.problem);
        }
    }
    Ok(ids)
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

fn notes(options: &CollectOptions) -> serde_json::Value {
    serde_json::json!({ "collected": { "policy": options.policy.to_string(), "seed": options.problems.seed } })
}
