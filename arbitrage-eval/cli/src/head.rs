//! `arbitrage train head`: a scorer from judged steps and a frozen model.

use std::ops::ControlFlow;

use arbitrage_core::Hidden;
use arbitrage_eval::steps::LabelledSolution;

use crate::hidden_states::read_states;
use arbitrage_models::HiddenReader;
use arbitrage_models::train::Trainer;
use arbitrage_router::labels::{Part, Split};
use arbitrage_router::learned::{HeadCard, HeadTrainingData, LabelledStates, ValueHead};
use indicatif::ProgressBar;

use crate::Failure;
use crate::cli::HeadOptions;
use crate::interrupt;
use crate::labelled_steps::load;
use crate::output::make_folder;
use crate::pair::reader;
use crate::progress::{Training, style};

/// RouterInput the steps' hidden states, trains the head, and gives its AUC on held-out questions.
pub fn train(options: &HeadOptions) -> Result<f64, Failure> {
    let (solutions, digest) = load(&options.files, &options.traces)?;
    make_folder(&options.out)?;
    let reading = &options.reading;
    let load = reading.device.load()?;
    let mut reader = reader(&options.reader, reading.system.as_deref(), &load)?;
    let states = read(options, &mut reader, &solutions)?;
    let read: Vec<_> =
        solutions.iter().zip(&states).filter_map(|(of, states)| Some((of, states.as_deref()?))).collect();
    let card = HeadCard::new(&reader, data(digest, &read));
    let [steps, validation] = split(options, &read)?;
    let fit = Trainer::new(options.updates, options.rate)
        .with_batch(options.batch)
        .with_seed(options.files.seed)
        .with_patience(options.patience)
        .with_checkpoint(options.out.join("checkpoint"));
    let mut bar = Training::new(&options.out.display().to_string());
    let head = ValueHead::train((&steps, &validation), options.width, &fit, card, &load.device, &mut bar)?;
    bar.finish();
    head.save(&options.out)?;
    Ok(head.card().metrics.get("validation AUC").copied().unwrap_or(f64::NAN))
}

fn read(
    options: &HeadOptions,
    reader: &mut impl HiddenReader,
    solutions: &[LabelledSolution],
) -> Result<Vec<Option<Vec<Hidden>>>, Failure> {
    let bar = ProgressBar::new(solutions.iter().map(|solution| solution.labelled.len() as u64).sum());
    bar.set_style(style("reading {wide_bar} {pos}/{len} steps {elapsed} {eta}"));
    let path = options.out.join("states");
    let states = read_states(reader, solutions, Some(&path), options.reading.in_flight, |solution, reason| {
        if let Some(reason) = reason {
            bar.suspend(|| anstream::eprintln!("left out: solution {}: {reason}", solution.id));
        }
        bar.inc(solution.labelled.len() as u64);
        if interrupt::check().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    bar.finish();
    let missing = states.iter().filter(|states| states.is_none()).count();
    if missing > 0 {
        anstream::eprintln!("{missing} of {} solutions could not be read", solutions.len());
    }
    Ok(states)
}

/// A solution and the states of its judged steps.
type Read<'a> = (&'a LabelledSolution, &'a [Hidden]);

fn data(digest: String, read: &[Read<'_>]) -> HeadTrainingData {
    let labels: Vec<f32> = read.iter().flat_map(|(of, _)| &of.labelled).map(|judged| judged.label).collect();
    let right = labels.iter().filter(|label| **label > 0.5).count() as f64 / labels.len().max(1) as f64;
    HeadTrainingData { digest, solutions: read.len(), steps: labels.len(), right }
}

/// Steps to learn from and to choose by; no question is in both.
fn split(options: &HeadOptions, read: &[Read<'_>]) -> Result<[LabelledStates; 2], Failure> {
    let split = Split::new(1.0 - options.validation, options.validation, 0.0)?.with_seed(options.files.seed);
    let mut parts = [LabelledStates::default(), LabelledStates::default()];
    for (solution, states) in read {
        let part = &mut parts[usize::from(split.part(&solution.group) != Part::Train)];
        solution.labelled.iter().zip(*states).for_each(|(judged, hidden)| part.push(hidden, judged.label));
    }
    Ok(parts)
}
