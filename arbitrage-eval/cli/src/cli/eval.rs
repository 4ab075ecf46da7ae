//! Options of `eval`, `merge`, `regrade`, `report` and `replay`.

use std::path::PathBuf;

use arbitrage_eval::harness::Shard;
use arbitrage_grader::Profile;
use clap::Args;

use super::HiddenStateOptions;

/// Options of `eval`.
#[derive(Args)]
pub(crate) struct EvalOptions {
    /// TOML file with policies, benchmarks and models.
    pub config: PathBuf,
    /// Folder of the evaluation. Finished runs in it are not run again.
    #[arg(long)]
    pub out: PathBuf,
    /// Runs one part of each benchmark, such as 2/8, into a subfolder. `merge` joins the parts.
    #[arg(long)]
    pub shard: Option<Shard>,
}

/// Options of `merge`.
#[derive(Args)]
pub(crate) struct MergeOptions {
    /// TOML file of the evaluation.
    pub config: PathBuf,
    /// Folder of the evaluation, with the folders of its shards in it.
    #[arg(long)]
    pub out: PathBuf,
}

/// Options of `regrade`.
#[derive(Args)]
pub(crate) struct RegradeOptions {
    /// TOML file of the evaluation, which names the files with the gold answers.
    pub config: PathBuf,
    /// Folder of the evaluation.
    #[arg(long)]
    pub out: PathBuf,
    /// Grading profile: strict, as `eval` and `merge` use it, or qwen-compat, which reproduces the grader that Qwen2.5-Math's scores were
    /// computed with, its errors included.
    #[arg(long, default_value = "strict")]
    pub profile: Profile,
}

/// Options of `report`.
#[derive(Args)]
pub(crate) struct ReportOptions {
    /// Folder of the evaluation.
    pub out: PathBuf,
    /// Title of the report.
    #[arg(long)]
    pub title: Option<String>,
    /// Maximum number of problems per benchmark whose solutions are shown, under every policy. Problems on which policies disagree come
    /// first.
    #[arg(long)]
    pub problems: Option<usize>,
}

/// Options of `replay`.
#[derive(Args)]
pub(crate) struct ReplayOptions {
    /// Trace of `collect`, with the steps of both models and their scores.
    pub collection: PathBuf,
    /// Policies, such as rsd:0.5 or rsd:0.5+handover:1. A policy without a threshold is replayed at several.
    #[arg(long, num_args = 1.., allow_negative_numbers = true, default_values = ["draft", "target", "random", "logprob", "rsd", "oracle"])]
    pub policy: Vec<String>,
    /// Number of thresholds for policies without one, chosen so that the shares of escalated steps are evenly spaced.
    #[arg(long, default_value_t = 5)]
    pub grid: usize,
    /// Folder of a trained router, or the name of a shipped one, for the policy `learned`.
    #[arg(long)]
    pub router: Option<PathBuf>,
    /// Hidden states for a probe.
    #[command(flatten)]
    pub states: HiddenStateOptions,
    /// Files of problems with gold answers. Problems of the mini family need none.
    #[arg(long, num_args = 1..)]
    pub problems: Vec<PathBuf>,
    /// Costs on other hardware: JSON files with `name`, `draft` and `target` (seconds per token, `decoded` and `prefilled`),
    /// `router_step` and `scorer_token` (seconds).
    #[arg(long, num_args = 1..)]
    pub hardware: Vec<PathBuf>,
    /// Computes costs without verifying rejected drafts as speculative tokens.
    #[arg(long)]
    pub no_reuse: bool,
    /// Traces of `run` or `eval` on the same problems. Prints by how much the prediction is off for each.
    #[arg(long, num_args = 1..)]
    pub check: Vec<PathBuf>,
    /// Writes all figures to this JSON file.
    #[arg(long)]
    pub json: Option<PathBuf>,
}
