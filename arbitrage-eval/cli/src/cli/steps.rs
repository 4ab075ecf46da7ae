//! Options of commands over judged steps.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{DeviceOptions, RolloutOptions};
use crate::scorer::Scorer;

/// The model that reads steps, for heads and judges.
#[derive(Args)]
pub struct ReaderOptions {
    /// The system message that it is told, in place of the default one.
    #[arg(long)]
    pub system: Option<String>,
    /// Where models run, and the head learns.
    #[command(flatten)]
    pub device: DeviceOptions,
    /// Solutions that are read at a time.
    #[arg(long, default_value_t = 16)]
    pub in_flight: usize,
}

/// Files of judged steps.
#[derive(Args)]
pub struct StepFileOptions {
    /// Files of solutions with judged steps: JSON lines in the formats of PRM800K (`rating`) or PRMBench (`error_steps`), or plain ones
    /// (`steps` of `text` and `label` from 0 to 1).
    #[arg(long, num_args = 1..)]
    pub steps: Vec<PathBuf>,
    /// Leaves rows out that cannot be used, instead of stopping at the first.
    #[arg(long)]
    pub skip_bad_rows: bool,
    /// At most so many solutions, each source in proportion to its size; of traces, so many problems.
    #[arg(long)]
    pub count: Option<usize>,
    /// Seed of the choice.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// Options of `train head`.
#[derive(Args)]
#[command(group = ArgGroup::new("data").args(["steps", "traces"]).multiple(true).required(true))]
pub struct HeadOptions {
    /// The judged steps. The seed is that of weights, batches and split, too.
    #[command(flatten)]
    pub files: StepFileOptions,
    /// Traces of `collect`: both steps of each place, with their scores as labels.
    #[arg(long, num_args = 1..)]
    pub traces: Vec<PathBuf>,
    /// The model whose hidden states are read: a name from `models list`, a GGUF file or a Hugging Face folder.
    #[arg(long)]
    pub reader: String,
    /// How it reads.
    #[command(flatten)]
    pub reading: ReaderOptions,
    /// The head's folder. States that were read are kept in it; a reading or training that was killed goes on.
    #[arg(long)]
    pub out: PathBuf,
    /// Width of the inner layer; 0 for none, a logistic regression.
    #[arg(long, default_value_t = 64)]
    pub width: usize,
    /// Share of the questions on which the best weights are chosen.
    #[arg(long, default_value_t = 0.1)]
    pub validation: f64,
    /// Steps of the optimizer, at most.
    #[arg(long, default_value_t = 1500)]
    pub updates: usize,
    /// Judged steps an update.
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
    /// Greatest learning rate.
    #[arg(long, default_value_t = 5e-4)]
    pub rate: f64,
    /// Ends the training after so many scores in a row without a better one.
    #[arg(long, default_value_t = 8)]
    pub patience: usize,
}

/// Options of `score`.
#[derive(Args)]
#[command(group = ArgGroup::new("data").args(["steps", "traces"]).required(true))]
pub struct ScoreOptions {
    /// The judged steps that the scorer is measured on.
    #[command(flatten)]
    pub files: StepFileOptions,
    /// A trace of `collect`, both steps of each of whose places are scored anew.
    #[arg(long, requires = "out")]
    pub traces: Option<PathBuf>,
    /// Where the records with the new scores go. Problems that it holds already are not scored again.
    #[arg(long, requires = "traces")]
    pub out: Option<PathBuf>,
    /// Of the traces, scores these steps only: JSON lines of `problem` and `index`, as `cross-validate --disputed` writes them.
    #[arg(long, requires = "traces")]
    pub places: Option<PathBuf>,
    /// What scores steps: checker, judge, worked, rollouts:K, head:DIR, prm:DIR or one behind a server; see `collect`.
    #[arg(long)]
    pub scorer: Scorer,
    /// Files of problems with their answers, for worked and rollouts:K.
    #[arg(long, num_args = 1..)]
    pub problems: Vec<PathBuf>,
    /// Completions, for rollouts:K.
    #[command(flatten)]
    pub rollouts: RolloutOptions,
    /// The model that judges or completes, or whose hidden states the head reads.
    #[arg(long)]
    pub reader: Option<String>,
    /// How it reads.
    #[command(flatten)]
    pub reading: ReaderOptions,
    /// The first step that scores at most so much is called wrong: the middle of the scorer's range unless said otherwise.
    #[arg(long, allow_negative_numbers = true)]
    pub tau: Option<f32>,
    /// Resamples of the intervals.
    #[arg(long, default_value_t = 1000)]
    pub resamples: usize,
}
