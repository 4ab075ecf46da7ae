//! Options of `eval`, `merge`, `regrade`, `report` and `replay`.

use std::path::PathBuf;

use arbitrage_eval::harness::Shard;
use arbitrage_grader::Profile;
use clap::Args;

use super::StatesOptions;

/// Options of `eval`.
#[derive(Args)]
pub struct EvalOptions {
    /// Policies, benchmarks and models: a file of TOML.
    pub config: PathBuf,
    /// The evaluation's folder. What it holds already is not run again.
    #[arg(long)]
    pub out: PathBuf,
    /// Runs a part of each benchmark, such as 2/8, into a folder of its own inside; `merge` joins the parts.
    #[arg(long)]
    pub shard: Option<Shard>,
}

/// Options of `merge`.
#[derive(Args)]
pub struct MergeOptions {
    /// The evaluation's file of TOML.
    pub config: PathBuf,
    /// The evaluation's folder, with those of its shards inside.
    #[arg(long)]
    pub out: PathBuf,
}

/// Options of `regrade`.
#[derive(Args)]
pub struct RegradeOptions {
    /// The evaluation's file of TOML, which says where the answers are.
    pub config: PathBuf,
    /// The evaluation's folder.
    #[arg(long)]
    pub out: PathBuf,
    /// Whose conventions decide: strict, or qwen-compat, which repeats the faults of the grader behind Qwen2.5-Math's scores. `eval` and
    /// `merge` grade by strict.
    #[arg(long, default_value = "strict")]
    pub profile: Profile,
}

/// Options of `report`.
#[derive(Args)]
pub struct ReportOptions {
    /// The evaluation's folder.
    pub out: PathBuf,
    /// The report's title.
    #[arg(long)]
    pub title: Option<String>,
    /// Most problems of a benchmark whose solutions are in the page, under every policy. Those on which policies differ come first.
    #[arg(long)]
    pub problems: Option<usize>,
}

/// Options of `replay`.
#[derive(Args)]
pub struct ReplayOptions {
    /// A trace of `collect`: both models' steps, both scored, along the oracle's solutions or another policy's.
    pub collection: PathBuf,
    /// Policies, such as rsd:0.5; one without its threshold is replayed at several.
    #[arg(long, num_args = 1.., allow_negative_numbers = true, default_values = ["draft", "target", "random", "logprob", "rsd", "oracle"])]
    pub policy: Vec<String>,
    /// How many thresholds those without one are replayed at; their shares of escalated steps are evenly spaced.
    #[arg(long, default_value_t = 5)]
    pub grid: usize,
    /// The folder of a trained router, or the name of a shipped one, for `learned`.
    #[arg(long)]
    pub router: Option<PathBuf>,
    /// What a probe reads.
    #[command(flatten)]
    pub states: StatesOptions,
    /// The files of problems with their answers, where these are not of the mini family.
    #[arg(long, num_args = 1..)]
    pub problems: Vec<PathBuf>,
    /// Costs of other hardware: JSON files with `name`, `draft` and `target` (each seconds a `decoded` and a `prefilled` token), `router_step`
    /// and `scorer_token`.
    #[arg(long, num_args = 1..)]
    pub hardware: Vec<PathBuf>,
    /// Rejected drafts are not reused as guesses.
    #[arg(long)]
    pub no_reuse: bool,
    /// Records of `run` or `eval` over the same problems: says how far the replay is from each.
    #[arg(long, num_args = 1..)]
    pub check: Vec<PathBuf>,
    /// Writes all figures to this JSON file.
    #[arg(long)]
    pub json: Option<PathBuf>,
}
