//! `arbitrage train`: reward models and routers from labelled steps.

use std::path::Path;
use std::time::Instant;

use arbitrage_models::train::{Trainer, Lora, Transformer, learning};
use arbitrage_router::labels::{Classes, Example};
use arbitrage_router::learned::{Annotation, Data, ProbeFeatures, Outcome, Pair, Probe, Recipe, TextRouter, train_reward};

use crate::Failure;
use crate::cli::{
    self, DeviceOptions, FitOptions, LearningOptions, LoraOptions, ProbeOptions, ProbeShape, RecipeOptions,
    TextOptions, TrainCommand,
};
use crate::training_data::{Loaded, attach_hidden, load};
use crate::interrupt;
use crate::output::make_folder;
use crate::progress::Training;

/// Runs one of the trainings.
pub fn run(command: &TrainCommand) -> Result<(), Failure> {
    let start = Instant::now();
    interrupt::listen()?;
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
    let (examples, validation) = options.fit.learning.split(begin(&options.fit)?.examples)?;
    let base = base((&options.base, &options.device), options.layers)?;
    let base = adapted(base, &options.lora, options.fit.learning.seed)?;
    let fit = fit(&options.fit);
    let mut bar = Training::new(&options.fit.out.display().to_string());
    let data = (examples.as_slice(), some(&validation));
    let score = train_reward(base, &options.base, data, &fit, &options.fit.out, &mut bar)?;
    bar.finish();
    Ok(score)
}

fn text(options: &TextOptions) -> Result<f64, Failure> {
    let Loaded { examples, pair, data } = begin(&options.fit)?;
    let (examples, validation) = options.fit.learning.split(examples)?;
    let recipe = recipe(&options.recipe, fit(&options.fit), &examples)?;
    let annotation = if options.unannotated { Annotation::None } else { Annotation::Authors };
    let base = base((&options.base, &options.device), options.layers)?;
    let mut bar = Training::new(&options.fit.out.display().to_string());
    let router = TextRouter::train(
        adapted(base, &options.lora, options.fit.learning.seed)?,
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
    let Loaded { mut examples, pair, data } = begin(&options.fit)?;
    options.shape.attach(&mut examples)?;
    let parts = options.fit.learning.split(examples)?;
    let name = options.fit.out.display().to_string();
    let probe = options.shape.train(options.shape.inputs, parts, fit(&options.fit), (pair, data), &name)?;
    probe.save(&options.fit.out)?;
    Ok(probe.card().metrics.get("validation ρ").copied().unwrap_or(f64::NAN))
}

impl ProbeShape {
    /// RouterInput the hidden states, where probes of this shape need them.
    pub fn attach(&self, examples: &mut [Example]) -> Result<(), Failure> {
        if self.inputs == ProbeFeatures::Scalars {
            return Ok(());
        }
        self.states.draft.as_ref().ok_or("--draft: hidden states are read from the draft model")?;
        attach_hidden(&self.states, examples)
    }

    /// A probe on `inputs`, trained on the first part and chosen by the second, under a bar that is called `name`.
    pub fn train(
        &self,
        inputs: ProbeFeatures,
        (examples, validation): (Vec<Example>, Vec<Example>),
        fit: Trainer,
        data: (Pair, Data),
        name: &str,
    ) -> Result<Probe, Failure> {
        let recipe = recipe(&self.recipe, fit, &examples)?;
        let device = self.states.device.device()?;
        let mut bar = Training::new(name);
        let probe = Probe::train((&examples, &validation), inputs, self.width, &recipe, data, &device, &mut bar)?;
        bar.finish();
        Ok(probe)
    }
}

/// Loads the traces and makes the folder.
fn begin(options: &FitOptions) -> Result<Loaded, Failure> {
    make_folder(&options.out)?;
    load(&options.traces)
}

/// As many held-out examples as a score every few steps can afford.
fn some(validation: &[Example]) -> &[Example] {
    &validation[..validation.len().min(600)]
}

fn base((folder, place): (&Path, &DeviceOptions), layers: Option<usize>) -> Result<Transformer, Failure> {
    let base = Transformer::open(folder, &place.device()?)?;
    Ok(layers.map_or(base.clone(), |layers| base.with_layers(layers)))
}

/// The decoder with adapters, where they are asked for.
fn adapted(base: Transformer, options: &LoraOptions, seed: u64) -> Result<Transformer, Failure> {
    let Some(rank) = options.lora else { return Ok(base) };
    let lora = Lora::new(rank).with_seed(seed);
    let base = base.with_lora(&options.lora_alpha.map_or(lora, |alpha| lora.with_alpha(alpha)))?;
    let (few, all) = learning(&base);
    anstream::eprintln!("adapters of {few} parameters learn, and the head, in place of {} parameters", all - few);
    Ok(base)
}

fn fit(options: &FitOptions) -> Trainer {
    options.learning.fit().with_checkpoint(options.out.join("checkpoint"))
}

impl LearningOptions {
    /// The loop, without a checkpoint.
    pub fn fit(&self) -> Trainer {
        Trainer::new(self.steps, self.rate).with_batch(self.batch).with_seed(self.seed).with_patience(self.patience)
    }
}

fn recipe(options: &RecipeOptions, fit: Trainer, examples: &[Example]) -> Result<Recipe, Failure> {
    let advantages: Vec<f32> = examples.iter().map(Example::advantage).collect();
    let classes =
        if options.classes == 2 { Classes::binary() } else { Classes::quantiles(&advantages, options.classes)? };
    if classes.merged() > 0 {
        anstream::eprintln!("{} of {} classes could not be told apart", classes.merged(), options.classes);
    }
    let outcome = Outcome { classes, ordinal: options.ordinal };
    Ok(Recipe::new(fit).with_outcome(outcome).with_balance(options.balance))
}
