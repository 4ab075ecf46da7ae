//! The mini family's commands.

use std::path::Path;
use std::time::Instant;

use arbitrage_mini::{Family, Writer};

use crate::Failure;
use crate::cli::MiniCommand;
use crate::interrupt;
use crate::output::make_folder;
use crate::progress::Training;

/// Runs one of them.
pub fn run(command: &MiniCommand) -> Result<(), Failure> {
    match command {
        MiniCommand::Draft(options) => train(Writer::Draft, options),
        MiniCommand::Target(options) => train(Writer::Target, options),
    }
}

fn train(writer: Writer, options: &crate::cli::WriterOptions) -> Result<(), Failure> {
    let start = Instant::now();
    interrupt::listen()?;
    let mut recipe = writer.recipe(options.quick);
    if let Some(path) = &options.family {
        recipe.family = writer.school(family(Some(path))?);
    }
    if let Some(steps) = options.steps {
        recipe = recipe.with_steps(steps);
    }
    if let Some(steps) = options.every {
        recipe.fit = recipe.fit.with_eval_interval(steps);
    }
    recipe.fit = recipe.fit.with_checkpoint(options.out.join("checkpoint"));
    let device = options.device.device()?;
    make_folder(&options.out)?;
    let mut bar = Training::new(&options.out.display().to_string());
    let fitted = writer.train(&recipe, &options.out, &device, &mut bar)?;
    bar.finish();
    let best = fitted.scores.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{}: {} steps, {best:.4} nats a token on held-out problems, {seconds:.0} s",
        options.out.display(),
        fitted.steps
    );
    Ok(())
}

/// The family of a file, or the default one.
pub fn family(path: Option<&Path>) -> Result<Family, Failure> {
    let Some(path) = path else { return Ok(Family::default()) };
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?)
}
