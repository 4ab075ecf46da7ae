//! Options of `score` and `train head`, which work on labelled steps.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{BadRowOptions, DeviceOptions, RolloutOptions};
use crate::scorer_choice::Scorer;

/// How the model reads steps that judges them, completes them, or gives hidden states to a head.
#[derive(Args)]
pub(crate) struct ReaderOptions {
    /// System message of the reader, in place of the default one.
    #[arg(long)]
    pub system: Option<String>,
    /// Where models run, and where a head is trained.
    #[command(flatten)]
    pub device: DeviceOptions,
    /// Number of solutions that are read at the same time, in one batch.
    #[arg(long, default_value_t = 16)]
    pub in_flight: usize,
}

/// Files of labelled steps.
#[derive(Args)]
pub(crate) struct StepFileOptions {
    /// Files of solutions with labelled steps: JSON lines in the format of PRM800K (`rating`) or PRMBench (`error_steps`), or with
    /// `question` and `steps`, each step with `text` and a `label` from 0 to 1.
    #[arg(long, num_args = 1..)]
    pub steps: Vec<PathBuf>,
    /// Unusable rows.
    #[command(flatten)]
    pub bad_rows: BadRowOptions,
    /// Maximum number of solutions, each source in proportion to its size; with --traces, of problems.
    #[arg(long)]
    pub count: Option<usize>,
    /// Seed of the choice of solutions.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// Options of `train head`.
#[derive(Args)]
#[command(group = ArgGroup::new("data").args(["steps", "traces"]).multiple(true).required(true))]
pub(crate) struct HeadOptions {
    /// The labelled steps. Their seed is also that of weights, batches and split.
    #[command(flatten)]
    pub files: StepFileOptions,
    /// Traces of `collect`: the steps of both models, with their scores as labels.
    #[arg(long, num_args = 1..)]
    pub traces: Vec<PathBuf>,
    /// The model whose hidden states the head is trained on: a name from `models list`, a GGUF file or a Hugging Face folder.
    #[arg(long)]
    pub reader: String,
    /// How it reads.
    #[command(flatten)]
    pub reading: ReaderOptions,
    /// Folder of the head. Hidden states are cached in it, so that an interrupted command is resumed.
    #[arg(long)]
    pub out: PathBuf,
    /// Width of the hidden layer; 0 for none, which is logistic regression.
    #[arg(long, default_value_t = 64)]
    pub width: usize,
    /// Share of the questions that is held out to choose the best weights.
    #[arg(long, default_value_t = 0.1)]
    pub validation: f64,
    /// Maximum number of optimizer steps.
    #[arg(long, default_value_t = 1500)]
    pub updates: usize,
    /// Number of labelled steps in a batch.
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
    /// Peak learning rate.
    #[arg(long, alias = "rate", default_value_t = 5e-4)]
    pub learning_rate: f64,
    /// Number of evaluations without improvement after which training stops.
    #[arg(long, default_value_t = 8)]
    pub patience: usize,
}

/// Options of `score`.
#[derive(Args)]
#[command(group = ArgGroup::new("data").args(["steps", "traces"]).required(true))]
pub(crate) struct ScoreOptions {
    /// The labelled steps that the scorer is measured on.
    #[command(flatten)]
    pub files: StepFileOptions,
    /// Trace of `collect` whose steps are scored again, those of both models.
    #[arg(long, requires = "out")]
    pub traces: Option<PathBuf>,
    /// Trace with the new scores. Problems that it already holds are not scored again.
    #[arg(long, requires = "traces")]
    pub out: Option<PathBuf>,
    /// Scores only these steps of the trace: JSON lines with `problem` and `index`, as `cross-validate --disagreements` writes them.
    #[arg(long, alias = "places", requires = "traces")]
    pub step_ids: Option<PathBuf>,
    /// The scorer: checker, judge, reference-solution, reference-run:FILE, rollouts:K, head:FOLDER, prm:FOLDER or one behind a server, as in
    /// `collect`.
    #[arg(long)]
    pub scorer: Scorer,
    /// Files of problems with gold answers, for reference-solution, reference-run:FILE and rollouts:K.
    #[arg(long, num_args = 1..)]
    pub problems: Vec<PathBuf>,
    /// Completions.
    #[command(flatten)]
    pub rollouts: RolloutOptions,
    /// The model that judges steps, completes them, or whose hidden states the head reads.
    #[arg(long)]
    pub reader: Option<String>,
    /// How it reads.
    #[command(flatten)]
    pub reading: ReaderOptions,
    /// The first step with at most this score is taken for the first error. The default is the middle of the scorer's range.
    #[arg(long, allow_negative_numbers = true)]
    pub tau: Option<f32>,
    /// Number of bootstrap resamples for the intervals.
    #[arg(long, default_value_t = 1000)]
    pub resamples: usize,
}
