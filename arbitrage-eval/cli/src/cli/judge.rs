//! Options of `calibrate`, `compare` and `cross-validate`.

use std::path::PathBuf;

use arbitrage_router::calibrate::Goal;
use clap::{ArgGroup, Args, ValueEnum};

use super::{LearningOptions, ProbeShape, StatesOptions};

/// Options of `compare`.
#[derive(Args)]
pub struct CompareOptions {
    /// Two runs over the same problems, records of `run` or `eval`: are their differences more than noise?
    #[arg(num_args = 2, value_names = ["A", "B"], conflicts_with_all = ["traces", "router", "prm"])]
    pub runs: Vec<PathBuf>,
    /// The files of problems with their answers, for runs that are not graded yet and not of the mini family.
    #[arg(long, num_args = 1.., requires = "runs")]
    pub problems: Vec<PathBuf>,
    /// Traces of `collect` along the oracle, of problems that nothing was trained on: compares routers and gates on their steps.
    #[arg(long, num_args = 1.., required_unless_present = "runs")]
    pub traces: Vec<PathBuf>,
    /// Folders of routers, or names of shipped ones.
    #[arg(long, num_args = 0..)]
    pub router: Vec<PathBuf>,
    /// Folders of reward models, for RSD.
    #[arg(long, num_args = 0..)]
    pub prm: Vec<PathBuf>,
    /// What a probe reads.
    #[command(flatten)]
    pub states: StatesOptions,
    /// The table.
    #[command(flatten)]
    pub table: TableOptions,
}

/// What is told of methods that are compared.
#[derive(Args)]
pub struct TableOptions {
    /// Resamples of the intervals.
    #[arg(long, default_value_t = 1000)]
    pub resamples: usize,
    /// Writes all figures to this JSON file.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// Options of `cross-validate`.
#[derive(Args)]
#[command(group = ArgGroup::new("judged").multiple(true))]
pub struct CrossValidateOptions {
    /// Traces of `collect`, all of one pair. Their scores are what probes learn, and RSD's reading of the drafts.
    #[arg(long, num_args = 1.., required = true)]
    pub traces: Vec<PathBuf>,
    /// The same steps, or some of them, scored by another scorer: what estimates are held against, in place of the scores that
    /// probes have learned.
    #[arg(long, num_args = 1.., group = "judged")]
    pub labels: Vec<PathBuf>,
    /// The same steps, or some of them, scored by what RSD reads when it has no answers at hand, such as a head: held against `labels`
    /// beside the scores of --traces.
    #[arg(long, num_args = 1.., requires = "judged")]
    pub rsd: Vec<PathBuf>,
    /// Writes which steps the probe and its rivals, RSD and the gate by log-probability, choose differently: all that --labels has to
    /// have for the table that compares their calls. `score --places` takes the file.
    #[arg(long, group = "judged")]
    pub disputed: Option<PathBuf>,
    /// Parts of the problems, each of which is judged by probes that were trained on the others.
    #[arg(long, default_value_t = 5)]
    pub folds: usize,
    /// The loop.
    #[command(flatten)]
    pub learning: LearningOptions,
    /// The probe.
    #[command(flatten)]
    pub shape: ProbeShape,
    /// The table.
    #[command(flatten)]
    pub table: TableOptions,
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
    /// What a probe reads.
    #[command(flatten)]
    pub states: StatesOptions,
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
