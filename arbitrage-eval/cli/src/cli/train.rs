//! Options of `train`.

use std::path::PathBuf;

use arbitrage_router::labels::Balance;
use arbitrage_router::learned::Inputs;
use clap::{Args, Subcommand};

use super::{DeviceOptions, HeadOptions, StatesOptions};

/// The subcommands of `train`.
#[derive(Subcommand)]
pub enum TrainCommand {
    /// A process reward model: scores a step from the text.
    Prm(PrmOptions),
    /// The paper's router: reads the annotated text.
    Text(TextOptions),
    /// A probe: reads numbers that the draft computed anyway.
    Probe(ProbeOptions),
    /// A scorer of steps: a small network on the hidden states that a model has of them.
    Head(HeadOptions),
}

/// Data and loop of a training.
#[derive(Args)]
pub struct FitOptions {
    /// Traces of `collect`, all of one pair.
    #[arg(long, num_args = 1.., required = true)]
    pub traces: Vec<PathBuf>,
    /// The folder of what is trained.
    #[arg(long)]
    pub out: PathBuf,
    /// The loop.
    #[command(flatten)]
    pub learning: LearningOptions,
}

/// The loop of a training.
#[derive(Args)]
pub struct LearningOptions {
    /// Share of the problems on which the best weights are chosen.
    #[arg(long, default_value_t = 0.1)]
    pub validation: f64,
    /// Steps of the optimizer, at most.
    #[arg(long, default_value_t = 1500)]
    pub steps: usize,
    /// Examples a step.
    #[arg(long, default_value_t = 32)]
    pub batch: usize,
    /// Greatest learning rate.
    #[arg(long, default_value_t = 5e-4)]
    pub rate: f64,
    /// Ends the training after so many scores in a row without a better one.
    #[arg(long, default_value_t = 8)]
    pub patience: usize,
    /// Seed of weights, batches and splits.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// What a router is taught.
#[derive(Args)]
pub struct RecipeOptions {
    /// Classes of the advantage: 2 for no gain and gain, more for quantiles.
    #[arg(long, default_value_t = 2)]
    pub classes: usize,
    /// The head answers "higher than class k?" for each k.
    #[arg(long)]
    pub ordinal: bool,
    /// What is done about classes of unequal size: none; down-sample, as in the paper, the larger ones at random; weights, by
    /// which each counts by the inverse of its size.
    #[arg(long, default_value_t = Balance::DownSample)]
    pub balance: Balance,
}

/// Adapters that learn in the place of a decoder's weights.
#[derive(Args)]
pub struct LoraOptions {
    /// Trains low-rank adapters of this rank and the head, and leaves the decoder's own weights as they are. Folders hold the sums.
    #[arg(long, value_name = "RANK")]
    pub lora: Option<usize>,
    /// How much the adapters count, above 0: twice the rank unless said otherwise.
    #[arg(long, value_name = "ALPHA", requires = "lora")]
    pub lora_alpha: Option<f64>,
}

/// Options of `train prm`.
#[derive(Args)]
pub struct PrmOptions {
    /// Data and loop.
    #[command(flatten)]
    pub fit: FitOptions,
    /// The Hugging Face folder of the decoder that it starts from.
    #[arg(long)]
    pub base: PathBuf,
    /// Keeps the decoder's first layers only.
    #[arg(long)]
    pub layers: Option<usize>,
    /// What of it learns.
    #[command(flatten)]
    pub lora: LoraOptions,
    /// Where it learns.
    #[command(flatten)]
    pub device: DeviceOptions,
}

/// Options of `train text`.
#[derive(Args)]
pub struct TextOptions {
    /// Data and loop.
    #[command(flatten)]
    pub fit: FitOptions,
    /// What it is taught.
    #[command(flatten)]
    pub recipe: RecipeOptions,
    /// The Hugging Face folder of the decoder that it starts from: the draft, the target, or a reward model.
    #[arg(long)]
    pub base: PathBuf,
    /// Keeps the decoder's first layers only.
    #[arg(long)]
    pub layers: Option<usize>,
    /// What of it learns.
    #[command(flatten)]
    pub lora: LoraOptions,
    /// Where it learns.
    #[command(flatten)]
    pub device: DeviceOptions,
    /// Does not tell who wrote each step.
    #[arg(long)]
    pub unannotated: bool,
}

/// Options of `train probe`.
#[derive(Args)]
pub struct ProbeOptions {
    /// Data and loop.
    #[command(flatten)]
    pub fit: FitOptions,
    /// The probe.
    #[command(flatten)]
    pub shape: ProbeShape,
}

/// What a probe reads and learns.
#[derive(Args)]
pub struct ProbeShape {
    /// What it is taught.
    #[command(flatten)]
    pub recipe: RecipeOptions,
    /// What it reads: scalars, which are log-probabilities, entropy, length and place, the tabular baseline; hidden, the draft's
    /// hidden states; or both.
    #[arg(long, default_value_t = Inputs::Both)]
    pub inputs: Inputs,
    /// Where these are from.
    #[command(flatten)]
    pub states: StatesOptions,
    /// Width of the inner layer: 64 unless said otherwise, 0 for none.
    #[arg(long)]
    pub width: Option<usize>,
}
