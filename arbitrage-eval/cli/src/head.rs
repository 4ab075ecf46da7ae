//! `arbitrage train head`: a scorer on the hidden states of a frozen model.

use std::ops::ControlFlow;

use arbitrage_core::Hidden;
use arbitrage_eval::steps::LabelledSolution;

use arbitrage_models::HiddenReader;
use arbitrage_models::train::Trainer;
use arbitrage_router::labels::{Split, Subset};
use arbitrage_router::learned::{HeadCard, HeadRecipe, HeadTrainingData, LabelledStates, TrainingSplit, ValueHead};
use indicatif::ProgressBar;

use crate::Failure;
use crate::cli::HeadOptions;
use crate::files::create_folder;
use crate::hidden_states::read_states;
use crate::interrupt;
use crate::labelled_steps::{LabelledSteps, load};
use crate::pair::open_reader;
use crate::progress::{TrainingProgress, style};

/// Computes the steps' hidden states, trains the head, and returns its AUC on held-out questions.
pub(crate) fn train(options: &HeadOptions) -> Result<f64, Failure> {
    let LabelledSteps { solutions, digest } = load(&options.files, &options.traces)?;
    create_folder(&options.out)?;
    let reading = &options.reading;
    let load = reading.device.load()?;
    let mut reader = open_reader(&options.reader, reading.system.as_deref(), &load)?;
    let states = hidden_states(options, &mut reader, &solutions)?;
    let read: Vec<ReadSolution<'_>> = solutions
        .iter()
        .zip(&states)
        .filter_map(|(solution, states)| Some(ReadSolution { solution, states: states.as_deref()? }))
        .collect();
    let card = HeadCard::new(&reader, training_data(digest, &read));
    let [training, validation] = split(options, &read)?;
    let fit = Trainer::new(options.updates, options.learning_rate)
        .with_batch(options.batch)
        .with_seed(options.files.seed)
        .with_patience(options.patience)
        .with_checkpoint(options.out.join("checkpoint"));
    let mut bar = TrainingProgress::new(&options.out.display().to_string());
    let split = TrainingSplit { training: &training, validation: &validation };
    let recipe = HeadRecipe { hidden_width: options.width, fit };
    let head = ValueHead::train(&split, &recipe, card, &load.device, &mut bar)?;
    bar.finish();
    head.save(&options.out)?;
    Ok(head.card().metrics.get("validation AUC").copied().unwrap_or(f64::NAN))
}

/// The hidden states of every step, cached in the head's folder; `None` for a solution that the reader cannot read.
fn hidden_states(
    options: &HeadOptions,
    reader: &mut impl HiddenReader,
    solutions: &[LabelledSolution],
) -> Result<Vec<Option<Vec<Hidden>>>, Failure> {
    let bar = ProgressBar::new(solutions.iter().map(|solution| solution.labelled.len() as u64).sum());
    bar.set_style(style("hidden states {wide_bar} {pos}/{len} steps {elapsed} {eta}"));
    let path = options.out.join("states");
    let states = read_states(reader, solutions, Some(&path), options.reading.in_flight, |solution, error| {
        if let Some(error) = error {
            bar.suspend(|| anstream::eprintln!("skipped: solution {}: {error}", solution.id));
        }
        bar.inc(solution.labelled.len() as u64);
        if interrupt::check().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    bar.finish();
    let missing = states.iter().filter(|states| states.is_none()).count();
    if missing > 0 {
        anstream::eprintln!("skipped: {missing} of {} solutions, which could not be read", solutions.len());
    }
    Ok(states)
}

/// A solution and the hidden states of its steps.
struct ReadSolution<'a> {
    solution: &'a LabelledSolution,
    states: &'a [Hidden],
}

fn training_data(digest: String, read: &[ReadSolution<'_>]) -> HeadTrainingData {
    let labels: Vec<f32> = read.iter().flat_map(|one| &one.solution.labelled).map(|step| step.label).collect();
    let positive = labels.iter().filter(|label| **label > 0.5).count() as f64 / labels.len().max(1) as f64;
    HeadTrainingData { digest, solutions: read.len(), steps: labels.len(), positive }
}

/// Steps for training and for validation, from different questions.
fn split(options: &HeadOptions, read: &[ReadSolution<'_>]) -> Result<[LabelledStates; 2], Failure> {
    let split = Split::new(1.0 - options.validation, options.validation, 0.0)?.with_seed(options.files.seed);
    let mut subsets = [LabelledStates::default(), LabelledStates::default()];
    for ReadSolution { solution, states } in read {
        let subset = &mut subsets[usize::from(split.subset(&solution.group) != Subset::Train)];
        solution.labelled.iter().zip(*states).for_each(|(step, hidden)| subset.push(hidden, step.label));
    }
    Ok(subsets)
}
