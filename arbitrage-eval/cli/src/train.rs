//! `arbitrage train`: reward models and routers from labelled steps.

use std::time::Instant;

use arbitrage_models::train::{Lora, Trainer, Transformer, count_parameters};
use arbitrage_router::labels::{Classes, Example};
use arbitrage_router::learned::{
    Annotation, BaseModel, Card, OutputHead, Probe, ProbeFeatures, RouterRecipe, RouterTraining, TextRouter,
    train_reward_model,
};

use crate::Failure;
use crate::cli::{
    BaseOptions, LearningOptions, PrmOptions, ProbeOptions, ProbeSettings, RouterLabelOptions, TextOptions,
    TrainCommand, TrainOptions,
};
use crate::files::create_folder;
use crate::interrupt;
use crate::progress::TrainingProgress;
use crate::training_data::{LabelledTraces, SplitExamples, attach_hidden, load};

/// Trains one of them, and prints its score on held-out problems.
pub(crate) fn run(command: &TrainCommand) -> Result<(), Failure> {
    let start = Instant::now();
    interrupt::listen()?;
    let (metric, score) = match command {
        TrainCommand::Prm(options) => ("AUC", prm(options)?),
        TrainCommand::Text(options) => ("ρ", text(options)?),
        TrainCommand::Probe(options) => ("ρ", probe(options)?),
        TrainCommand::Sequential(options) => ("AUC", crate::sequential::train(options)?),
        TrainCommand::Head(options) => ("AUC", crate::head::train(options)?),
    };
    println!("{metric} on held-out problems {score:.4}, {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn prm(options: &PrmOptions) -> Result<f64, Failure> {
    let TrainOptions { out, learning, .. } = &options.training;
    let examples = learning.split(options.training.load()?.examples)?;
    let base = options.base.open(learning.seed)?;
    let mut bar = TrainingProgress::new(&out.display().to_string());
    let trainer = options.training.trainer();
    let score = train_reward_model(base, &examples.with_short_validation(), &trainer, out, &mut bar)?;
    bar.finish();
    Ok(score)
}

fn text(options: &TextOptions) -> Result<f64, Failure> {
    let TrainOptions { out, learning, .. } = &options.training;
    let LabelledTraces { examples, pair, data } = options.training.load()?;
    let examples = learning.split(examples)?;
    let recipe = options.labels.recipe(options.training.trainer(), &examples.training)?;
    let annotation = if options.unannotated { Annotation::None } else { Annotation::Authors };
    let base = options.base.open(learning.seed)?;
    let mut bar = TrainingProgress::new(&out.display().to_string());
    let training = RouterTraining { examples: examples.with_short_validation(), recipe: &recipe, pair, data };
    let router = TextRouter::train(base, &training, annotation, out, &mut bar)?;
    bar.finish();
    Ok(validation_rho(router.card()))
}

fn probe(options: &ProbeOptions) -> Result<f64, Failure> {
    let TrainOptions { out, learning, .. } = &options.training;
    let mut traces = options.training.load()?;
    options.probe.attach_hidden(&mut traces.examples)?;
    let examples = learning.split(std::mem::take(&mut traces.examples))?;
    let name = out.display().to_string();
    let probe = options.probe.train(options.probe.inputs, &examples, &traces, options.training.trainer(), &name)?;
    probe.save(out)?;
    Ok(validation_rho(probe.card()))
}

/// Spearman's ρ on the held-out problems; NaN if there are none.
fn validation_rho(card: &Card) -> f64 {
    card.metrics.get("validation ρ").copied().unwrap_or(f64::NAN)
}

impl ProbeSettings {
    /// Adds hidden states to the examples, if the probe reads them.
    pub(crate) fn attach_hidden(&self, examples: &mut [Example]) -> Result<(), Failure> {
        if self.inputs == ProbeFeatures::Scalars {
            return Ok(());
        }
        self.states.draft.as_ref().ok_or("--draft: expected the draft model, whose hidden states the probe reads")?;
        attach_hidden(&self.states, examples)
    }

    /// Trains a probe on `features`. `traces` says which pair and data its card names; `name` is that of the progress bar.
    pub(crate) fn train(
        &self,
        features: ProbeFeatures,
        examples: &SplitExamples,
        traces: &LabelledTraces,
        trainer: Trainer,
        name: &str,
    ) -> Result<Probe, Failure> {
        let recipe = self.labels.recipe(trainer, &examples.training)?;
        let (pair, data) = (traces.pair.clone(), traces.data.clone());
        let training = RouterTraining { examples: examples.whole(), recipe: &recipe, pair, data };
        let mut bar = TrainingProgress::new(name);
        let probe = Probe::train(&training, features, self.width, &self.states.device.device()?, &mut bar)?;
        bar.finish();
        Ok(probe)
    }
}

impl TrainOptions {
    /// Creates the folder and loads the traces.
    fn load(&self) -> Result<LabelledTraces, Failure> {
        create_folder(&self.out)?;
        load(&self.traces)
    }

    /// The training loop with a checkpoint in the folder.
    fn trainer(&self) -> Trainer {
        self.learning.trainer().with_checkpoint(self.out.join("checkpoint"))
    }
}

impl LearningOptions {
    /// The training loop without a checkpoint.
    pub(crate) fn trainer(&self) -> Trainer {
        Trainer::new(self.steps, self.learning_rate)
            .with_batch(self.batch)
            .with_seed(self.seed)
            .with_patience(self.patience)
    }
}

impl BaseOptions {
    /// The decoder that training starts from, with adapters if the options ask for them.
    fn open(&self, seed: u64) -> Result<BaseModel<'_>, Failure> {
        let mut decoder = Transformer::open(&self.base, &self.device.device()?)?;
        if let Some(layers) = self.layers {
            decoder = decoder.with_layers(layers);
        }
        if let Some(rank) = self.lora.lora {
            let lora = Lora::new(rank).with_seed(seed);
            decoder = decoder.with_lora(&self.lora.lora_alpha.map_or(lora, |alpha| lora.with_alpha(alpha)))?;
            let count = count_parameters(&decoder);
            let frozen = count.total - count.trainable;
            anstream::eprintln!("training {} parameters of adapters, with {frozen} parameters frozen", count.trainable);
        }
        Ok(BaseModel { decoder, tokenizer: &self.base })
    }
}

impl RouterLabelOptions {
    fn recipe(&self, trainer: Trainer, examples: &[Example]) -> Result<RouterRecipe, Failure> {
        let advantages: Vec<f32> = examples.iter().map(Example::advantage).collect();
        let classes =
            if self.classes == 2 { Classes::binary() } else { Classes::quantiles(&advantages, self.classes)? };
        if classes.merged() > 0 {
            anstream::eprintln!(
                "--classes {}: {} classes were merged with others, since too many advantages are equal",
                self.classes,
                classes.merged()
            );
        }
        let output_head = OutputHead { classes, ordinal: self.ordinal };
        Ok(RouterRecipe::new(trainer).with_output_head(output_head).with_balance(self.balance))
    }
}
