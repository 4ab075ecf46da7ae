//! `arbitrage score`: how good a scorer is.

use std::cell::RefCell;

use arbitrage_core::scorer::score_each;
use arbitrage_core::segmenter::BlankLine;
use arbitrage_core::trace::ModelRecord;
use arbitrage_core::{Limits, SequenceId, Shared, StepScorer};
use arbitrage_eval::steps::{FirstErrorQuality, LabelledSolution, Quality, quality};
use arbitrage_models::{HiddenReader as _, LocalTarget};
use arbitrage_router::metrics::Bootstrap;
use indicatif::ProgressBar;

use crate::Failure;
use crate::cli::ScoreOptions;
use crate::figures::{percent, with_interval};
use crate::labelled_steps::{LabelledSteps, evaluate_steps, load};
use crate::model::Model;
use crate::pair::open_reader;
use crate::problem_set::{gold_answers, problem_rows};
use crate::progress::style;
use crate::rollouts::{self, RolloutLimits};
use crate::scorer_choice::Scorer;

/// Measures a scorer on labelled steps, or scores the steps of a trace again.
pub(crate) fn run(options: &ScoreOptions) -> Result<(), Failure> {
    match (&options.traces, &options.out) {
        (Some(traces), Some(out)) => crate::rescore::run(options, traces, out),
        _ => measure(options),
    }
}

/// A scorer, and the identity of the model that it reads or writes with, if there is one.
pub(crate) struct OpenScorer {
    /// The scorer.
    pub scorer: Box<dyn StepScorer>,
    /// The model.
    pub reader: Option<ModelRecord>,
}

/// Opens the scorer.
pub(crate) fn open(options: &ScoreOptions) -> Result<OpenScorer, Failure> {
    let load = options.reading.device.load()?;
    let rows = problem_rows(&options.problems)?;
    let gold = gold_answers(&rows);
    if matches!(options.scorer, Scorer::Rollouts(_)) {
        rollouts::check(&options.rollouts, &[], &gold)?;
    }
    let reader = RefCell::new(None);
    let model = || {
        let name = options.reader.as_deref();
        let name =
            name.ok_or_else(|| format!("--reader: expected a model, since scorer {} needs one", options.scorer))?;
        let model = open_reader(name, options.reading.system.as_deref(), &load)?;
        reader.replace(Some(model.record()));
        Ok::<_, Failure>(model)
    };
    let target = |_: &str| Ok(Shared::new(LocalTarget::new(model()?), "reader"));
    let limits = RolloutLimits {
        segmenter: Box::new(BlankLine::new()),
        limits: Limits::default().with_in_flight(options.reading.in_flight),
    };
    let rollouts = |count| rollouts::scorer(Model::Local(Box::new(model()?)), count, &options.rollouts, &gold, limits);
    let scorer = options.scorer.open(target, &rows, rollouts, &load)?;
    Ok(OpenScorer { scorer, reader: reader.into_inner() })
}

fn measure(options: &ScoreOptions) -> Result<(), Failure> {
    let LabelledSteps { solutions, .. } = load(&options.files, &[])?;
    let mut scorer = open(options)?.scorer;
    let (low, high) = scorer.range();
    let tau = options.tau.unwrap_or((low + high) / 2.0);
    let ScoredSolutions { solutions, scores } = score(scorer.as_mut(), solutions, options.reading.in_flight);
    if solutions.is_empty() {
        return Err("no solution could be scored".into());
    }
    let bootstrap = Bootstrap::new(options.resamples, 0.95)?.with_seed(options.files.seed);
    print(&scorer.name(), &quality(&solutions, &scores, tau, &bootstrap)?);
    Ok(())
}

/// Solutions with the scores of all their steps.
#[derive(Default)]
struct ScoredSolutions {
    solutions: Vec<LabelledSolution>,
    scores: Vec<Vec<f32>>,
}

/// Scores every step, in batches of solutions. A solution with a step that cannot be scored is reported and skipped.
fn score(scorer: &mut dyn StepScorer, solutions: Vec<LabelledSolution>, in_flight: usize) -> ScoredSolutions {
    let bar = ProgressBar::new(solutions.iter().map(|solution| solution.labelled.len() as u64).sum());
    bar.set_style(style("scoring {wide_bar} {pos}/{len} steps {elapsed} {eta}"));
    let mut scored = ScoredSolutions::default();
    for batch in solutions.chunks(in_flight.max(1)) {
        let scores = evaluate_steps(batch, |steps| score_each(scorer, steps));
        (0..batch.len() as u64).for_each(|id| scorer.release(SequenceId(id)));
        for (solution, scores) in batch.iter().zip(scores) {
            match scores {
                Ok(scores) => {
                    scored.solutions.push(solution.clone());
                    scored.scores.push(scores);
                }
                Err(error) => bar.suspend(|| anstream::eprintln!("skipped: solution {}: {error}", solution.id)),
            }
            bar.inc(solution.labelled.len() as u64);
        }
    }
    bar.finish();
    scored
}

fn print(name: &str, quality: &Quality) {
    let Quality { solutions, steps, right, auc, first_error, best, .. } = quality;
    println!("{name}: {steps} steps of {solutions} solutions, {:.1}% right", 100.0 * right.unwrap_or_default());
    println!("AUC {}", with_interval(*auc));
    for (note, first_error) in [("", first_error), (", the best threshold on these solutions", best)] {
        let FirstErrorQuality { tau, erroneous, correct, f1, .. } = first_error;
        println!(
            "first error at τ = {tau}{note}: F1 {} (found in {} of the wrong solutions, none found in {} of the right ones)",
            with_interval(*f1),
            percent(*erroneous),
            percent(*correct)
        );
    }
}
