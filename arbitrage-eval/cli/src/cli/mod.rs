//! What can be asked for.

mod batch;
mod eval;
mod grade;
mod judge;
mod models;
mod serve;
mod solve;
mod steps;
mod train;

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use clap::{Args, Parser, Subcommand};

pub use batch::{BatchOptions, CollectOptions, MiniRange, ProblemOptions, RolloutOptions, RunOptions, Writer};
pub use eval::{EvalOptions, MergeOptions, RegradeOptions, ReplayOptions, ReportOptions};
pub use grade::GradeOptions;
pub use judge::{CalibrateOptions, Calibration, CompareOptions, CrossValidateOptions, TableOptions};
pub use models::{
    DeviceOptions, Guesses, LimitOptions, Overlap, PairOptions, PlacementOptions, Segmenter, StatesOptions,
};
pub use serve::ServeOptions;
pub use solve::SolveOptions;
pub use steps::{HeadOptions, ScoreOptions, StepFileOptions};
pub use train::{
    FitOptions, LearningOptions, LoraOptions, PrmOptions, ProbeOptions, ProbeShape, RecipeOptions, TextOptions,
    TrainCommand,
};

/// How errors are marked.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();

/// A small model drafts each reasoning step; a large one writes those that a router escalates.
#[derive(Parser)]
#[command(version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Subcommand)]
pub enum Command {
    /// Solves a problem and shows who wrote which step.
    Solve(Box<SolveOptions>),
    /// Models: what there is, getting it, looking inside.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Lists what models can run on: the backends compiled in, the devices found, and in which half precision each computes.
    Devices,
    /// Collects labelled steps: both models write every step, both are scored. A collection that was cut off goes on.
    Collect(Box<CollectOptions>),
    /// Trains reward models and routers on collected steps. A training that was killed goes on from its checkpoint.
    #[command(subcommand)]
    Train(TrainCommand),
    /// Measures a scorer on judged steps, or scores the steps of a collection anew. The latter, cut off, goes on.
    Score(Box<ScoreOptions>),
    /// Chooses a router's threshold from a goal, on problems that it was not trained on.
    Calibrate(CalibrateOptions),
    /// Solves many problems with a policy and says how many are right. A run that was cut off goes on.
    Run(Box<RunOptions>),
    /// Runs policies over benchmarks, as a file says, into a folder of records with a report. One that was cut off goes on.
    Eval(EvalOptions),
    /// Joins the shards of an evaluation, and writes its report.
    Merge(MergeOptions),
    /// Grades an evaluation's solutions anew, without a model, and writes its report.
    Regrade(RegradeOptions),
    /// Writes the report of an evaluation into its folder: a page that needs nothing else, and its tables as Markdown.
    Report(ReportOptions),
    /// Predicts what policies would do and cost, from a collection and without decoding.
    Replay(ReplayOptions),
    /// Compares two runs, or routers and gates on collected steps of problems that none has seen.
    Compare(CompareOptions),
    /// Trains probes on all problems but a part, for each part, and compares what they say of it with gates and RSD: every
    /// problem is judged by a probe that has not seen it.
    CrossValidate(Box<CrossValidateOptions>),
    /// Grades answers against gold answers: a JSON row each, with verdict, reason and microseconds.
    Grade(GradeOptions),
    /// Serves the pair over HTTP, as OpenAI's clients know it: completions, streamed step by step, with who wrote what.
    Serve(Box<ServeOptions>),
    /// The mini family: a draft, a target and a router that are trained from scratch on generated problems.
    #[command(subcommand)]
    Mini(MiniCommand),
}

/// The subcommands of `mini`.
#[derive(Subcommand)]
pub enum MiniCommand {
    /// Trains the draft from scratch.
    Draft(WriterOptions),
    /// Trains the target from scratch.
    Target(WriterOptions),
}

/// Options of `mini draft` and `mini target`.
#[derive(Args)]
pub struct WriterOptions {
    /// The model's folder. A training that was killed goes on from the checkpoint in it.
    #[arg(long)]
    pub out: PathBuf,
    /// Trains for a minute, to show that everything works.
    #[arg(long)]
    pub quick: bool,
    /// The family that problems are drawn from, a JSON file, in place of the default one.
    #[arg(long)]
    pub family: Option<PathBuf>,
    /// Steps of the optimizer, in place of the recipe's. Each meets new problems.
    #[arg(long)]
    pub steps: Option<usize>,
    /// Steps between two scores and two checkpoints.
    #[arg(long)]
    pub every: Option<usize>,
    /// Where it learns.
    #[command(flatten)]
    pub device: DeviceOptions,
}

/// The subcommands of `models`.
#[derive(Subcommand)]
pub enum ModelsCommand {
    /// Gets a model into the local cache, digest-checked; goes on where an earlier pull stopped.
    Pull {
        /// A name from `models list`, or hf:OWNER/REPO:FILE.
        names: Vec<String>,
    },
    /// Lists the known models and which are in the cache.
    List,
    /// Shows a model's shape, tokenizer and tensors.
    Inspect {
        /// A name, a GGUF file or a Hugging Face folder.
        model: String,
        /// Lists every tensor.
        #[arg(long)]
        tensors: bool,
        /// Looks at every weight for NaN and infinity.
        #[arg(long)]
        scan: bool,
    },
}
