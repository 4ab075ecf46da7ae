//! `arbitrage mini`: trains the models of the mini pair.

use std::path::Path;
use std::time::Instant;

use arbitrage_mini::{Family, MiniModel, TrainScale};

use crate::Failure;
use crate::cli::{MiniCommand, MiniTrainOptions};
use crate::files::{create_folder, in_file, read_text};
use crate::interrupt;
use crate::progress::TrainingProgress;

/// Trains one of the two models.
pub(crate) fn run(command: &MiniCommand) -> Result<(), Failure> {
    match command {
        MiniCommand::Draft(options) => train(MiniModel::Draft, options),
        MiniCommand::Target(options) => train(MiniModel::Target, options),
    }
}

fn train(model: MiniModel, options: &MiniTrainOptions) -> Result<(), Failure> {
    let start = Instant::now();
    interrupt::listen()?;
    let mut recipe = model.recipe(if options.quick { TrainScale::Quick } else { TrainScale::Full });
    if let Some(path) = &options.family {
        recipe.family = model.curriculum(family(Some(path))?);
    }
    if let Some(steps) = options.steps {
        recipe = recipe.with_steps(steps);
    }
    if let Some(steps) = options.eval_interval {
        recipe.fit = recipe.fit.with_eval_interval(steps);
    }
    recipe.fit = recipe.fit.with_checkpoint(options.out.join("checkpoint"));
    let device = options.device.device()?;
    create_folder(&options.out)?;
    let mut bar = TrainingProgress::new(&options.out.display().to_string());
    let output = model.train(&recipe, &options.out, &device, &mut bar)?;
    bar.finish();
    let best = output.scores.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{}: {} steps, {best:.4} nats per token on held-out problems, {seconds:.0} s",
        options.out.display(),
        output.steps
    );
    Ok(())
}

/// The family of a file, or the default one.
pub(crate) fn family(path: Option<&Path>) -> Result<Family, Failure> {
    let Some(path) = path else { return Ok(Family::default()) };
    serde_json::from_str(&read_text(path)?).map_err(in_file(path))
}
