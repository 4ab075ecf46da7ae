//! Options of `train`.

use std::path::PathBuf;

use arbitrage_router::labels::Balance;
use arbitrage_router::learned::ProbeFeatures;
use clap::{Args, Subcommand};

use super::{DeviceOptions, HeadOptions, HiddenStateOptions};

/// The subcommands of `train`.
#[derive(Subcommand)]
pub(crate) enum TrainCommand {
    /// Trains a process reward model, which scores a step from the text.
    Prm(PrmOptions),
    /// Trains a text router, as in the paper: a language model that reads the question and the steps with their authors.
    Text(TextOptions),
    /// Trains a probe: a small network on the draft's probabilities and hidden states, which cost nothing extra.
    Probe(ProbeOptions),
    /// Trains a sequential router: a small network that estimates, from finished runs, what accepting and escalating a step lead to, in right
    /// answers and in work.
    Sequential(SequentialOptions),
    /// Trains a scoring head: a small network on the hidden states that a model has at each step.
    Head(HeadOptions),
}

/// Data, output and training loop.
#[derive(Args)]
pub(crate) struct TrainOptions {
    /// Traces of `collect`, all of one pair.
    #[arg(long, num_args = 1.., required = true)]
    pub traces: Vec<PathBuf>,
    /// Folder that the result is written to.
    #[arg(long)]
    pub out: PathBuf,
    /// The training loop.
    #[command(flatten)]
    pub learning: LearningOptions,
}

/// The training loop.
#[derive(Args)]
pub(crate) struct LearningOptions {
    /// Share of the problems that is held out to choose the best weights.
    #[arg(long, default_value_t = 0.1)]
    pub validation: f64,
    /// Maximum number of optimizer steps.
    #[arg(long, default_value_t = 1500)]
    pub steps: usize,
    /// Number of examples in a batch.
    #[arg(long, default_value_t = 32)]
    pub batch: usize,
    /// Peak learning rate.
    #[arg(long, alias = "rate", default_value_t = 5e-4)]
    pub learning_rate: f64,
    /// Number of evaluations without improvement after which training stops.
    #[arg(long, default_value_t = 8)]
    pub patience: usize,
    /// Seed of weights, batches and splits.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// The labels that a router is trained on.
#[derive(Args)]
pub(crate) struct RouterLabelOptions {
    /// Number of classes of the advantage: 2 for no gain and gain, more for quantiles.
    #[arg(long, default_value_t = 2)]
    pub classes: usize,
    /// Ordinal regression: an output for each "higher than class k".
    #[arg(long)]
    pub ordinal: bool,
    /// How classes of unequal size are balanced: none, down-sample (drops random examples of the larger classes, as in the paper), or
    /// weights (weighs an example by the inverse size of its class).
    #[arg(long, default_value_t = Balance::DownSample)]
    pub balance: Balance,
}

/// Low-rank adapters, trained in place of a decoder's weights.
#[derive(Args)]
pub(crate) struct LoraOptions {
    /// Trains low-rank adapters (LoRA) of this rank, and the head, in place of the decoder's weights. The adapters are merged into the
    /// weights that are saved.
    #[arg(long, value_name = "RANK")]
    pub lora: Option<usize>,
    /// Scale of the adapters, above 0. The default is twice the rank.
    #[arg(long, value_name = "ALPHA", requires = "lora")]
    pub lora_alpha: Option<f64>,
}

/// The decoder that a reward model or a text router is trained from.
#[derive(Args)]
pub(crate) struct BaseOptions {
    /// Hugging Face folder of the decoder that training starts from, such as the draft, the target or a reward model.
    #[arg(long)]
    pub base: PathBuf,
    /// Keeps only this many of the decoder's first layers.
    #[arg(long)]
    pub layers: Option<usize>,
    /// Adapters.
    #[command(flatten)]
    pub lora: LoraOptions,
    /// Where the model is trained.
    #[command(flatten)]
    pub device: DeviceOptions,
}

/// Options of `train prm`.
#[derive(Args)]
pub(crate) struct PrmOptions {
    /// Data, output and training loop.
    #[command(flatten)]
    pub training: TrainOptions,
    /// The decoder.
    #[command(flatten)]
    pub base: BaseOptions,
}

/// Options of `train text`.
#[derive(Args)]
pub(crate) struct TextOptions {
    /// Data, output and training loop.
    #[command(flatten)]
    pub training: TrainOptions,
    /// The labels.
    #[command(flatten)]
    pub labels: RouterLabelOptions,
    /// The decoder.
    #[command(flatten)]
    pub base: BaseOptions,
    /// Leaves out which model wrote each step.
    #[arg(long)]
    pub unannotated: bool,
}

/// Options of `train probe`.
#[derive(Args)]
pub(crate) struct ProbeOptions {
    /// Data, output and training loop.
    #[command(flatten)]
    pub training: TrainOptions,
    /// The probe.
    #[command(flatten)]
    pub probe: ProbeSettings,
}

/// Options of `train sequential`.
#[derive(Args)]
pub(crate) struct SequentialOptions {
    /// Traces of `run`, all of one pair, on problems with known answers. The policy has to decide both ways about similar steps, as with
    /// --explore. Each trace may have other policies, and the same problems.
    #[arg(long, num_args = 1.., required = true)]
    pub runs: Vec<PathBuf>,
    /// Files of the problems of the runs, with their gold answers. Problems of the mini family need none.
    #[arg(long, num_args = 1..)]
    pub problems: Vec<PathBuf>,
    /// Folder that the router is written to.
    #[arg(long)]
    pub out: PathBuf,
    /// The training loop.
    #[command(flatten)]
    pub learning: LearningOptions,
    /// Folder of a trained probe of the pair, or the name of a shipped one, whose outputs the router reads too. It should not have been
    /// trained on the problems of the runs. The router's other inputs are the probe's.
    #[arg(long, conflicts_with = "inputs")]
    pub probe: Option<PathBuf>,
    /// Inputs beside the path: scalars (log-probabilities, entropy, length and position of the step), hidden (the draft's hidden states), or
    /// both.
    #[arg(long, default_value_t = ProbeFeatures::Both)]
    pub inputs: ProbeFeatures,
    /// Hidden states. A cached file belongs to the same runs in the same order.
    #[command(flatten)]
    pub states: HiddenStateOptions,
    /// Width of the hidden layer, 0 for none.
    #[arg(long, default_value_t = 64)]
    pub width: usize,
    /// JSON file with the seconds of a token of each model, as in `replay`, in place of those that the runs took.
    #[arg(long)]
    pub hardware: Option<PathBuf>,
}

/// A probe's labels, inputs and size.
#[derive(Args)]
pub(crate) struct ProbeSettings {
    /// The labels.
    #[command(flatten)]
    pub labels: RouterLabelOptions,
    /// Inputs of the probe: scalars (log-probabilities, entropy, length and position of the step), hidden (the draft's hidden states), or
    /// both.
    #[arg(long, default_value_t = ProbeFeatures::Both)]
    pub inputs: ProbeFeatures,
    /// Hidden states.
    #[command(flatten)]
    pub states: HiddenStateOptions,
    /// Width of the hidden layer, 0 for none. The default is 64.
    #[arg(long)]
    pub width: Option<usize>,
}
