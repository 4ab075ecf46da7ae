//! Options of `compare` and `cross-validate`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{HiddenStateOptions, LearningOptions, ProbeSettings};

/// Options of `compare`.
#[derive(Args)]
pub(crate) struct CompareOptions {
    /// Traces of two runs on the same problems, of `run` or `eval`: tests whether their differences are significant.
    #[arg(num_args = 2, value_names = ["A", "B"], conflicts_with_all = ["traces", "router", "prm"])]
    pub runs: Vec<PathBuf>,
    /// Files of problems with gold answers, for runs that are not graded yet. Problems of the mini family need none.
    #[arg(long, num_args = 1.., requires = "runs")]
    pub problems: Vec<PathBuf>,
    /// Traces of `collect` with the oracle policy, of problems that nothing was trained on: compares routers on their steps.
    #[arg(long, num_args = 1.., required_unless_present = "runs")]
    pub traces: Vec<PathBuf>,
    /// Folders of trained routers, or names of shipped ones.
    #[arg(long, num_args = 0..)]
    pub router: Vec<PathBuf>,
    /// Folders of reward models, for RSD.
    #[arg(long, num_args = 0..)]
    pub prm: Vec<PathBuf>,
    /// Hidden states for a probe.
    #[command(flatten)]
    pub states: HiddenStateOptions,
    /// The table.
    #[command(flatten)]
    pub table: TableOptions,
}

/// The table that compares methods.
#[derive(Args)]
pub(crate) struct TableOptions {
    /// Number of bootstrap resamples for the intervals.
    #[arg(long, default_value_t = 1000)]
    pub resamples: usize,
    /// Writes all figures to this JSON file.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// Options of `cross-validate`.
#[derive(Args)]
#[command(group = ArgGroup::new("other_labels").multiple(true))]
pub(crate) struct CrossValidateOptions {
    /// Traces of `collect`, all of one pair. Their scores are the labels that probes are trained on, and what RSD decides by.
    #[arg(long, num_args = 1.., required = true)]
    pub traces: Vec<PathBuf>,
    /// The same steps, or some of them, with the scores of another scorer: methods are evaluated on these labels too, for instance on
    /// more exact ones than those that probes were trained on.
    #[arg(long, num_args = 1.., group = "other_labels")]
    pub labels: Vec<PathBuf>,
    /// The same steps, or some of them, with scores that RSD can have without gold answers, such as those of a head: adds RSD by these
    /// scores to the table for --labels.
    #[arg(long, num_args = 1.., requires = "other_labels")]
    pub rsd: Vec<PathBuf>,
    /// Writes the steps on which the probe and RSD, or the probe and the log-probability threshold, decide differently. Only these
    /// need labels to compare them: `score --step-ids` reads the file.
    #[arg(long, alias = "disputed", group = "other_labels")]
    pub disagreements: Option<PathBuf>,
    /// Number of folds. The problems of each fold are judged by probes that were trained on the other folds.
    #[arg(long, default_value_t = 5)]
    pub folds: usize,
    /// The training loop.
    #[command(flatten)]
    pub learning: LearningOptions,
    /// The probe.
    #[command(flatten)]
    pub probe: ProbeSettings,
    /// The table.
    #[command(flatten)]
    pub table: TableOptions,
}
