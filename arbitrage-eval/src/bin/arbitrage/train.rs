//! `arbitrage train`: reward models and routers from labelled steps.

use std::path::Path;
use std::time::Instant;

use arbitrage_models::device;
use arbitrage_models::train::{Fit, Transformer};
use arbitrage_router::labels::{Balance, Classes, Example};
use arbitrage_router::learned::{Annotation, Inputs, Outcome, Probe, Recipe, TextRouter, train_reward};

use crate::Failure;
use crate::cli::{self, FitOptions, ProbeOptions, RecipeOptions, TextOptions, TrainCommand};
use crate::data::{Loaded, attach_hidden, load};
use crate::progress::Training;

/// Runs one of the trainings.
pub fn run(command: &TrainCommand) -> Result<(), Failure> {
    let start = Instant::now();
    let (what, score) = match command {
        TrainCommand::Prm(options) => ("AUC", prm(options)?),
        TrainCommand::Text(options) => ("ρ", text(options)?),
        TrainCommand::Probe(options) => ("ρ", probe(options)?),
        TrainCommand::Head(options) => ("AUC", crate::head::train(options)?),
    };
    println!("{what} on held-out problems {score:.4}, {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn prm(options: &cli::PrmOptions) -> Result<f64, Failure> {
    let (examples, validation) = begin(&options.fit)?.split(options.fit.validation, options.fit.seed)?;
    let (base, fit) = (base(&options.base, options.layers)?, fit(&options.fit));
    let mut bar = Training::new(&options.fit.out.display().to_string());
    let data = (examples.as_slice(), some(&validation));
    let score = train_reward(base, &options.base, data, &fit, &options.fit.out, &mut bar)?;
    bar.finish();
    Ok(score)
}

fn text(options: &TextOptions) -> Result<f64, Failure> {
    let loaded = begin(&options.fit)?;
    let (pair, data) = (loaded.pair.clone(), loaded.data.clone());
    let (examples, validation) = loaded.split(options.fit.validation, options.fit.seed)?;
    let recipe = recipe(&options.recipe, fit(&options.fit), &examples)?;
    let annotation = if options.unannotated { Annotation::None } else { Annotation::Authors };
    let mut bar = Training::new(&options.fit.out.display().to_string());
    let router = TextRouter::train(
        base(&options.base, options.layers)?,
        &options.base,
        (&examples, some(&validation)),
        annotation,
        &recipe,
        (pair, data),
        &options.fit.out,
        &mut bar,
    )?;
    bar.finish();
    Ok(router.card().metrics.get("validation ρ").copied().unwrap_or(f64::NAN))
}

fn probe(options: &ProbeOptions) -> Result<f64, Failure> {
    let loaded = begin(&options.fit)?;
    let (pair, data) = (loaded.pair.clone(), loaded.data.clone());
    let (mut examples, mut validation) = loaded.split(options.fit.validation, options.fit.seed)?;
    let inputs = match options.inputs {
        cli::ProbeInputs::Scalars => Inputs::Scalars,
        cli::ProbeInputs::Hidden => Inputs::Hidden,
        cli::ProbeInputs::Both => Inputs::Both,
    };
    if inputs != Inputs::Scalars {
        let draft = options.draft.as_deref().ok_or("--draft: hidden states are read from the draft model")?;
        attach_hidden(draft, &mut [&mut examples, &mut validation])?;
    }
    let recipe = recipe(&options.recipe, fit(&options.fit), &examples)?;
    let mut bar = Training::new(&options.fit.out.display().to_string());
    let data = (pair, data);
    let probe = Probe::train((&examples, &validation), inputs, options.width, &recipe, data, &mut bar)?;
    bar.finish();
    probe.save(&options.fit.out)?;
    Ok(probe.card().metrics.get("validation ρ").copied().unwrap_or(f64::NAN))
}

/// Loads the traces and makes the folder.
fn begin(options: &FitOptions) -> Result<Loaded, Failure> {
    std::fs::create_dir_all(&options.out)?;
    load(&options.traces)
}

/// As many held-out examples as a score every few steps can afford.
fn some(validation: &[Example]) -> &[Example] {
    &validation[..validation.len().min(600)]
}

fn base(folder: &Path, layers: Option<usize>) -> Result<Transformer, Failure> {
    let base = Transformer::open(folder, &device("flex")?)?;
    Ok(layers.map_or(base.clone(), |layers| base.with_layers(layers)))
}

fn fit(options: &FitOptions) -> Fit {
    Fit::new(options.steps, options.rate)
        .with_batch(options.batch)
        .with_seed(options.seed)
        .with_patience(options.patience)
        .with_checkpoint(options.out.join("checkpoint"))
}

fn recipe(options: &RecipeOptions, fit: Fit, examples: &[Example]) -> Result<Recipe, Failure> {
    let advantages: Vec<f32> = examples.iter().map(Example::advantage).collect();
    let classes =
        if options.classes == 2 { Classes::binary() } else { Classes::quantiles(&advantages, options.classes)? };
    if classes.merged() > 0 {
        anstream::eprintln!("{} of {} classes could not be told apart", classes.merged(), options.classes);
    }
    let balance = match options.balance {
        cli::Balance::None => Balance::None,
        cli::Balance::DownSample => Balance::DownSample,
        cli::Balance::Weights => Balance::Weights,
    };
    let outcome = Outcome { classes, ordinal: options.ordinal };
    Ok(Recipe::new(fit).with_outcome(outcome).with_balance(balance))
}
