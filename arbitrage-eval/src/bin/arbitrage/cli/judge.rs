//! Options of `calibrate` and `compare`.

use std::path::PathBuf;

use arbitrage_router::calibrate::Goal;
use clap::{Args, ValueEnum};

/// Options of `compare`.
#[derive(Args)]
pub struct CompareOptions {
    /// Traces of `collect` along the oracle, of problems that nothing was trained on.
    #[arg(long, num_args = 1.., required = true)]
    pub traces: Vec<PathBuf>,
    /// Folders of routers.
    #[arg(long, num_args = 0..)]
    pub router: Vec<PathBuf>,
    /// Folders of reward models, for RSD.
    #[arg(long, num_args = 0..)]
    pub prm: Vec<PathBuf>,
    /// The draft model, where a probe reads hidden states.
    #[arg(long)]
    pub draft: Option<String>,
    /// Resamples of the intervals.
    #[arg(long, default_value_t = 1000)]
    pub resamples: usize,
    /// Writes all figures to this JSON file.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// Options of `calibrate`.
#[derive(Args)]
pub struct CalibrateOptions {
    /// The router's folder: its card gets the calibration and the threshold.
    #[arg(long)]
    pub router: PathBuf,
    /// Traces of `collect` of problems that it was not trained on.
    #[arg(long, num_args = 1.., required = true)]
    pub traces: Vec<PathBuf>,
    /// What the threshold is for: accept:SHARE (of the steps), budget:B (escalations a problem), latency:SHARE (of the target's own).
    #[arg(long)]
    pub goal: Goal,
    /// How estimates become probabilities.
    #[arg(long, value_enum, default_value_t = Calibration::Isotonic)]
    pub by: Calibration,
    /// The draft model, where a probe reads hidden states.
    #[arg(long)]
    pub draft: Option<String>,
}

/// How estimates become probabilities.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Calibration {
    /// They stay as they are.
    None,
    /// A logistic curve.
    Platt,
    /// A monotone step function.
    Isotonic,
}
