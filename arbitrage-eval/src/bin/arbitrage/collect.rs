//! `arbitrage collect`: labelled steps for the training of routers.

use std::collections::HashSet;

use arbitrage_core::router::{Labelling, Oracle};
use arbitrage_core::scorer::Judge;
use arbitrage_core::{AdvantageRouter, Drafter, Engine, EngineError, Problem, Shared, Solution, StepScorer};
use arbitrage_eval::mini::{self, Checker};
use arbitrage_eval::problems::{BadRows, ProblemRow, deduplicate, read_file, stratified};
use arbitrage_models::LocalTarget;
use arbitrage_router::Policy;
use indicatif::ProgressBar;

use crate::Failure;
use crate::cli::{CollectOptions, ProblemOptions, Scorer};
use crate::output::{self, Output};
use crate::pair::{Pair, guessing};
use crate::progress::style;

/// Writes both models' steps for every problem, scores them, and appends the records to the output.
pub fn run(options: &CollectOptions) -> Result<(), Failure> {
    let problems = problems(&options.problems)?;
    let (sink, output) = Output::open(&options.out)?;
    let Pair { draft, target, .. } = Pair::load(&options.models)?;
    let notes = notes(options, target.name(), &problems);
    let target = Shared::new(guessing(target, &draft, options.models.guesses)?, "target");
    let router = router(options, scorer(options, &target))?;
    let engine = Engine::new(draft, target, router)
        .with_segmenter(options.limits.segmenter()?)
        .with_limits(options.limits.limits().with_in_flight(options.problems.in_flight))
        .with_notes(notes)
        .with_sink(sink);
    output.check(&engine.run_record())?;
    let open = output.open_problems(&problems);
    solve(engine, &open, problems.len() - open.len())
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
    let mut ids = HashSet::new();
    if let Some(twice) = problems.iter().find(|problem| !ids.insert(&problem.id)) {
        Err(format!("two problems are named `{}`, so that their records could not be told apart", twice.id).into())
    } else if problems.is_empty() {
        Err("no problems: name files with --problems, or a range with --mini".into())
    } else {
        Ok(problems)
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

fn notes(options: &CollectOptions, target: &str, problems: &[Problem]) -> serde_json::Value {
    let mut notes = output::notes(&options.models, &options.limits, target, problems);
    let seed = options.problems.seed;
    notes["collected"] = serde_json::json!({ "policy": options.policy.to_string(), "seed": seed });
    notes["scorer"] = serde_json::json!(output::name(options.scorer));
    notes
}
