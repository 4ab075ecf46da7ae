//! Options of `train`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::HeadOptions;

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

/// What is done about classes of unequal size.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Balance {
    /// Nothing.
    None,
    /// The larger ones are down-sampled at random, as in the paper.
    DownSample,
    /// Each counts by the inverse of its size.
    Weights,
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
    /// What is done about classes of unequal size.
    #[arg(long, value_enum, default_value_t = Balance::DownSample)]
    pub balance: Balance,
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
    /// Does not tell who wrote each step.
    #[arg(long)]
    pub unannotated: bool,
}

/// What a probe reads.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProbeInputs {
    /// Log-probabilities, entropy, length, place: the tabular baseline.
    Scalars,
    /// Hidden states.
    Hidden,
    /// Both.
    Both,
}

/// Options of `train probe`.
#[derive(Args)]
pub struct ProbeOptions {
    /// Data and loop.
    #[command(flatten)]
    pub fit: FitOptions,
    /// What it is taught.
    #[command(flatten)]
    pub recipe: RecipeOptions,
    /// What it reads.
    #[arg(long, value_enum, default_value_t = ProbeInputs::Both)]
    pub inputs: ProbeInputs,
    /// The draft model, of which hidden states are read.
    #[arg(long)]
    pub draft: Option<String>,
    /// Width of the inner layer: 64 unless said otherwise, 0 for none.
    #[arg(long)]
    pub width: Option<usize>,
}
