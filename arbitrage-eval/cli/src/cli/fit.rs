//! Options of `fit`.

use std::path::PathBuf;

use arbitrage_router::calibrate::Goal;
use clap::Args;
use serde::Serialize;

use super::{LimitOptions, PairOptions, ProblemOptions, RolloutOptions};
use crate::scorer_choice::Scorer;

/// Options of `fit`.
#[derive(Args)]
pub(crate) struct FitOptions {
    /// The models.
    #[command(flatten)]
    pub models: PairOptions,
    /// Where steps and solutions end.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// The problems, all with gold answers, on which neither model was trained. They are divided into parts for training, calibration and the
    /// test. For the mini pair the default is train:260000..290000.
    #[command(flatten)]
    pub problems: ProblemOptions,
    /// Folder of everything that is made. An interrupted fit is resumed from it.
    #[arg(long)]
    pub out: PathBuf,
    /// What the router's threshold has to meet, as in `calibrate`.
    #[arg(long, default_value = "loss:0.02")]
    pub goal: Goal,
    /// Confidence with which `loss:SHARE` is to be shown, above 0 and below 1.
    #[arg(long, default_value_t = 0.95)]
    pub confidence: f64,
    /// Minutes that the whole fit may take. From the measured seconds per problem it follows how many problems each stage gets.
    #[arg(long, default_value_t = 30.0)]
    pub minutes: f64,
    /// What scores the steps that the router is trained on, as in `collect`. The default is the checker for the mini family, the reference
    /// solutions where all problems have one, and otherwise the numbers in the target's own right solutions, which the fit lets it write first.
    #[arg(long)]
    pub scorer: Option<Scorer>,
    /// Completions for `--scorer rollouts:K`.
    #[command(flatten)]
    pub rollouts: RolloutOptions,
    /// Trains a text router from this Hugging Face folder of a small language model, instead of a probe on the draft's hidden states. A draft
    /// behind a server needs one, since no hidden states come from there.
    #[arg(long)]
    pub base: Option<PathBuf>,
    /// Sizes of the stages.
    #[command(flatten)]
    pub sizes: SizeOptions,
}

/// Sizes of the stages of a fit, in place of those that follow from the minutes.
#[derive(Args, Clone, Copy, Debug, Serialize)]
pub(crate) struct SizeOptions {
    /// Number of problems of the sample by which it is decided whether the rest is worth its time.
    #[arg(long)]
    pub sample: Option<usize>,
    /// Number of problems on which steps are collected for training, besides the sample.
    #[arg(long)]
    pub training: Option<usize>,
    /// Number of problems for calibration.
    #[arg(long)]
    pub calibration: Option<usize>,
    /// Number of problems of the test.
    #[arg(long)]
    pub test: Option<usize>,
    /// Maximum number of optimizer steps of the router's training.
    #[arg(long)]
    pub updates: Option<usize>,
}
