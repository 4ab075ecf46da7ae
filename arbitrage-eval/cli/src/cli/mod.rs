//! The command line: commands and their options.

mod batch;
mod calibrate;
mod eval;
mod fit;
mod grade;
mod pair;
mod routers;
mod scoring;
mod serve;
mod solve;
mod train;

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use arbitrage_eval::problems::BadRows;
use clap::{Args, Parser, Subcommand};

pub(crate) use batch::{
    BatchOptions, CollectOptions, MiniRange, ProblemOptions, RolloutModel, RolloutOptions, RunOptions,
};
pub(crate) use calibrate::{CalibrateOptions, CalibrationMethod};
pub(crate) use eval::{EvalOptions, MergeOptions, RegradeOptions, ReplayOptions, ReportOptions};
pub(crate) use fit::{FitOptions, SizeOptions};
pub(crate) use grade::GradeOptions;
pub(crate) use pair::{
    DEFAULT_DRAFT_TEMPERATURE, DeviceOptions, HiddenStateOptions, LimitOptions, LookaheadOptions, OverlapOption,
    PairOptions, PlacementOptions, SegmenterOption, SpeculationSource,
};
pub(crate) use routers::{CompareOptions, CrossValidateOptions, TableOptions};
pub(crate) use scoring::{HeadOptions, ScoreOptions, StepFileOptions};
pub(crate) use serve::ServeOptions;
pub(crate) use solve::SolveOptions;
pub(crate) use train::{
    BaseOptions, LearningOptions, LoraOptions, PrmOptions, ProbeOptions, ProbeSettings, RouterLabelOptions,
    SequentialOptions, TextOptions, TrainCommand, TrainOptions,
};

/// Colour of the word `error:`.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Step-level speculative reasoning: a small draft model writes each reasoning step, and a large target model rewrites the steps that
/// a router escalates.
#[derive(Parser)]
#[command(name = "arbitrage", version, about)]
pub(crate) struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Solves one problem and shows which model wrote each step.
    Solve(Box<SolveOptions>),
    /// Lists, downloads and inspects models.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Lists the compute backends that were compiled in, the devices that were found with their half-precision formats, and how the
    /// processor is used: threads and instruction set.
    Devices,
    /// Collects labelled steps for training: both models write every step, and both steps are scored. An interrupted collection
    /// is resumed.
    Collect(Box<CollectOptions>),
    /// Trains reward models and routers on collected steps. An interrupted training is resumed from its checkpoint.
    #[command(subcommand)]
    Train(TrainCommand),
    /// Measures a scorer on labelled steps, or scores the steps of a collection again with another scorer.
    Score(Box<ScoreOptions>),
    /// Sets a trained router's threshold so that it meets a goal on problems that it was not trained on.
    Calibrate(Box<CalibrateOptions>),
    /// Solves many problems with one policy and prints accuracy and cost. An interrupted run is resumed.
    Run(Box<RunOptions>),
    /// Runs several policies on several benchmarks, as a TOML file configures them, and writes a report. An interrupted
    /// evaluation is resumed.
    Eval(EvalOptions),
    /// Merges the shards of an evaluation and writes its report.
    Merge(MergeOptions),
    /// Grades the solutions of an evaluation again, without running a model, and writes its report.
    Regrade(RegradeOptions),
    /// Writes the report of an evaluation: a self-contained HTML page, and its tables as Markdown.
    Report(ReportOptions),
    /// Predicts accuracy and cost of policies from a collection, without running the models.
    Replay(ReplayOptions),
    /// Compares two runs with each other, or routers on collected steps of problems that none of them was trained on.
    Compare(CompareOptions),
    /// Cross-validates probes: every problem is judged by a probe that was trained on other problems. Compares them with RSD and
    /// with thresholds on the draft's probabilities.
    CrossValidate(Box<CrossValidateOptions>),
    /// Grades answers against gold answers and prints a JSON row for each: verdict, reason and microseconds.
    Grade(GradeOptions),
    /// Makes a router for a pair and problems like yours, or says why none pays: times the pair, runs both models on a sample, collects,
    /// trains, calibrates, tests. An interrupted fit is resumed.
    Fit(Box<FitOptions>),
    /// Serves the pair over HTTP with an OpenAI-compatible API that streams steps and names the model that wrote each.
    Serve(Box<ServeOptions>),
    /// Trains the mini pair, two tiny models for generated problems, from scratch.
    #[command(subcommand)]
    Mini(MiniCommand),
}

/// The subcommands of `mini`.
#[derive(Subcommand)]
pub(crate) enum MiniCommand {
    /// Trains the draft from scratch.
    Draft(MiniTrainOptions),
    /// Trains the target from scratch.
    Target(MiniTrainOptions),
}

/// Options of `mini draft` and `mini target`.
#[derive(Args)]
pub(crate) struct MiniTrainOptions {
    /// Folder of the model. An interrupted training is resumed from the checkpoint in it.
    #[arg(long)]
    pub out: PathBuf,
    /// Trains for about a minute, as a smoke test.
    #[arg(long)]
    pub quick: bool,
    /// JSON file of the family of problems, in place of the default family.
    #[arg(long)]
    pub family: Option<PathBuf>,
    /// Number of optimizer steps, in place of the recipe's. Each step sees new problems.
    #[arg(long)]
    pub steps: Option<usize>,
    /// Optimizer steps between two evaluations, each of which also saves a checkpoint.
    #[arg(long, alias = "every")]
    pub eval_interval: Option<usize>,
    /// Where the model is trained.
    #[command(flatten)]
    pub device: DeviceOptions,
}

/// The subcommands of `models`.
#[derive(Subcommand)]
pub(crate) enum ModelsCommand {
    /// Downloads models into the local cache and verifies their digests. An interrupted download is resumed.
    Pull {
        /// Names from `models list`, or addresses on the Hugging Face hub: hf:OWNER/REPO for a folder of safetensors, hf:OWNER/REPO:Q4_K_M
        /// or hf:OWNER/REPO:FILE.gguf for a GGUF file, each with @REVISION after the repository for another revision than main.
        names: Vec<String>,
        /// Asks the hub what a branch is now. Without it, a model that was downloaded stays what it was.
        #[arg(long)]
        update: bool,
    },
    /// Lists the known models and those of your own list (models.json in the cache, or ARBITRAGE_MODELS), and where they are cached.
    List {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Checks a model as loading it does, and shows its size, shape, memory, tokens and chat template.
    Inspect(InspectOptions),
    /// Writes a Hugging Face folder as one GGUF file with weights of 8 bits (Q8_0), tokenizer and chat template: a language model, a
    /// reward model or a text router. llama.cpp reads the file of a language model too.
    #[command(visible_alias = "quantize")]
    Quantise(QuantiseOptions),
}

/// Options of `models quantise`.
#[derive(Args)]
pub(crate) struct QuantiseOptions {
    /// The Hugging Face folder, with config.json, tokenizer.json and safetensors.
    pub folder: PathBuf,
    /// The GGUF file. If it is called model.gguf, what the folder says about a reward model (arbitrage.json) or router (router.json) is
    /// copied beside it, so that its folder can be used in place of the other.
    #[arg(long)]
    pub out: PathBuf,
}

/// Options of `models inspect`.
#[derive(Args)]
pub(crate) struct InspectOptions {
    /// A name from `models list`, a GGUF file, a Hugging Face folder, or an address on the hub as for `models pull`.
    pub model: String,
    /// Lists every tensor.
    #[arg(long)]
    pub tensors: bool,
    /// Checks every weight for NaN and infinity.
    #[arg(long)]
    pub scan: bool,
    /// Shows the memory that the model takes with a cache of so many tokens.
    #[arg(long, value_name = "TOKENS")]
    pub context: Option<usize>,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

/// What to do about unusable rows in a file of problems, steps or answers.
#[derive(Args, Clone, Copy, Debug)]
pub struct BadRowOptions {
    /// Skips rows that cannot be used, instead of stopping at the first.
    #[arg(long)]
    pub skip_bad_rows: bool,
}

impl From<BadRowOptions> for BadRows {
    fn from(options: BadRowOptions) -> Self {
        if options.skip_bad_rows { Self::Skip } else { Self::Fail }
    }
}
