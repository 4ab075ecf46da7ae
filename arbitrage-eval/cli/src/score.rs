//! `arbitrage score`: how good a scorer is.

use std::cell::RefCell;
use std::path::PathBuf;

use arbitrage_core::scorer::score_each;
use arbitrage_core::segmenter::BlankLine;
use arbitrage_core::trace::ModelRecord;
use arbitrage_core::{Limits, Problem, SequenceId, Shared, StepScorer, StepSegmenter};
use arbitrage_eval::gold::Gold;
use arbitrage_eval::problems::{BadRows, ProblemRow, read_file};
use arbitrage_eval::steps::{FirstErrorQuality, LabelledSolution, Quality, quality};
use arbitrage_models::{HiddenReader as _, LocalTarget};
use arbitrage_router::metrics::{Bootstrap, Interval};
use indicatif::ProgressBar;

use crate::Failure;
use crate::cli::ScoreOptions;
use crate::labelled_steps::load;
use crate::model::Model;
use crate::pair::reader;
use crate::progress::style;
use crate::rollouts;
use crate::scorer::Scorer;

/// Measures a scorer on judged steps, or has it score a trace.
pub fn run(options: &ScoreOptions) -> Result<(), Failure> {
    match (&options.traces, &options.out) {
        (Some(traces), Some(out)) => crate::rescore::run(options, traces, out),
        _ => measure(options),
    }
}

/// The scorer, and the model that it reads or writes with, if it does.
pub fn open(options: &ScoreOptions) -> Result<(Box<dyn StepScorer>, Option<ModelRecord>), Failure> {
    let load = options.reading.device.load()?;
    let rows = rows(&options.problems)?;
    let gold = Gold::new(&rows).with_fallback(arbitrage_mini::answer);
    if matches!(options.scorer, Scorer::Rollouts(_)) {
        rollouts::check(&options.rollouts, &[], &gold)?;
    }
    let record = RefCell::new(None);
    let model = || {
        let name = options.reader.as_deref().ok_or_else(|| format!("--reader: {} needs a model", options.scorer))?;
        let model = reader(name, options.reading.system.as_deref(), &load)?;
        record.replace(Some(model.record()));
        Ok::<_, Failure>(model)
    };
    let target = |_: &str| Ok(Shared::new(LocalTarget::new(model()?), "reader"));
    let ends: (Box<dyn StepSegmenter>, Limits) =
        (Box::new(BlankLine::new()), Limits::default().with_in_flight(options.reading.in_flight));
    let completing = |count| rollouts::scorer(Model::Local(Box::new(model()?)), count, &options.rollouts, &gold, ends);
    let scorer = options.scorer.open(target, &rows, completing, &load)?;
    Ok((scorer, record.into_inner()))
}

fn rows(paths: &[PathBuf]) -> Result<Vec<ProblemRow>, Failure> {
    let read = |path: &PathBuf| Ok(read_file(path, BadRows::Fail)?.rows);
    Ok(paths.iter().map(read).collect::<Result<Vec<_>, Failure>>()?.concat())
}

fn measure(options: &ScoreOptions) -> Result<(), Failure> {
    let (solutions, _) = load(&options.files, &[])?;
    let (mut scorer, _) = open(options)?;
    let (low, high) = scorer.range();
    let tau = options.tau.unwrap_or((low + high) / 2.0);
    let (solutions, scores) = score(scorer.as_mut(), solutions, options.reading.in_flight);
    if solutions.is_empty() {
        return Err("no solution could be scored".into());
    }
    let bootstrap = Bootstrap::new(options.resamples, 0.95)?.with_seed(options.files.seed);
    print(&scorer.name(), &quality(&solutions, &scores, tau, &bootstrap)?);
    Ok(())
}

/// Scores every step, so many solutions at a time. A solution with a step that cannot be scored is told and left out.
fn score(
    scorer: &mut dyn StepScorer,
    solutions: Vec<LabelledSolution>,
    in_flight: usize,
) -> (Vec<LabelledSolution>, Vec<Vec<f32>>) {
    let bar = ProgressBar::new(solutions.iter().map(|solution| solution.labelled.len() as u64).sum());
    bar.set_style(style("scoring {wide_bar} {pos}/{len} steps {elapsed} {eta}"));
    let (mut scored, mut all) = (Vec::new(), Vec::new());
    for some in solutions.chunks(in_flight.max(1)) {
        let problems: Vec<Problem> = some.iter().map(LabelledSolution::problem).collect();
        let ids = (0..).map(SequenceId);
        let requests = some.iter().zip(&problems).zip(ids.clone());
        let requests: Vec<_> = requests.flat_map(|((of, problem), id)| of.requests(id, problem)).collect();
        let mut scores = score_each(scorer, &requests).into_iter();
        ids.take(some.len()).for_each(|id| scorer.release(id));
        for solution in some {
            let own: Vec<_> = scores.by_ref().take(solution.labelled.len()).collect();
            match own.into_iter().collect::<Result<Vec<f32>, _>>() {
                Ok(own) => {
                    scored.push(solution.clone());
                    all.push(own);
                }
                Err(error) => bar.suspend(|| anstream::eprintln!("left out: solution {}: {error}", solution.id)),
            }
            bar.inc(solution.labelled.len() as u64);
        }
    }
    bar.finish();
    (scored, all)
}

fn print(name: &str, quality: &Quality) {
    let Quality { solutions, steps, right, auc, first_error, best, .. } = quality;
    println!("{name}: {steps} steps of {solutions} solutions, {:.1}% right", 100.0 * right.unwrap_or_default());
    println!("AUC {}", range(auc));
    for (what, FirstErrorQuality { tau, erroneous, correct, f1, .. }) in [("", first_error), (", the best here", best)]
    {
        let share = |share: &Option<f64>| share.map_or("–".to_owned(), |share| format!("{:.1}%", 100.0 * share));
        println!(
            "first error at τ = {tau}{what}: F1 {} ({} of the wrong solutions, {} of the right ones)",
            range(f1),
            share(erroneous),
            share(correct)
        );
    }
}

fn range(interval: &Option<Interval>) -> String {
    match interval {
        Some(Interval { value, low, high, .. }) => format!("{value:.3} [{low:.3}, {high:.3}]"),
        None => "–".to_owned(),
    }
}
