//! Options of `solve`.

use std::path::PathBuf;

use arbitrage_router::Policy;
use clap::Args;

use super::{LimitOptions, LookaheadOptions, OverlapOption, PairOptions};
use crate::profile::ProfileOption;

/// Options of `solve`.
#[derive(Args)]
pub(crate) struct SolveOptions {
    /// The problem. Without it, the problem is read from standard input; if that is a terminal or empty, a problem is generated for the
    /// mini pair.
    pub question: Option<String>,
    /// The models.
    #[command(flatten)]
    pub models: PairOptions,
    /// Where steps and solutions end.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// The policy with its threshold: draft, target, random:RATE, logprob:TAU, entropy:TAU, rsd:TAU, oracle:TAU or learned:TAU. Without a
    /// threshold the policy's default is used. `rsd` and `oracle` score steps: for the mini pair with its reward model and its checker,
    /// for other pairs with the target as judge (0 to 9). The default is learned where the pair has a trained router, else logprob.
    #[arg(long)]
    pub policy: Option<Policy>,
    /// Folder of a trained router, or the name of a shipped one: mini:probe, mini:text, qwen2.5-coder:probe.
    #[arg(long)]
    pub router: Option<PathBuf>,
    /// Threshold of the policy, in place of the one after its colon.
    #[arg(long, allow_negative_numbers = true)]
    pub tau: Option<f32>,
    /// Maximum number of steps that the target writes.
    #[arg(long)]
    pub budget: Option<usize>,
    /// Handovers and several drafts.
    #[command(flatten)]
    pub lookahead: LookaheadOptions,
    /// Whether the drafter writes ahead while router and target work. What it writes is then not shown while it is written. Saves time where
    /// the two models run on different devices.
    #[arg(long, value_enum, default_value_t = OverlapOption::Off)]
    pub overlap: OverlapOption,
    /// Seed of sampling, and of the generated problem where there is no question.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Appends the trace of the run to this JSONL file.
    #[arg(long)]
    pub trace: Option<PathBuf>,
    /// Prints one JSON object in place of the live view.
    #[arg(long)]
    pub json: bool,
    /// Whether the time of models and router is counted.
    #[command(flatten)]
    pub profile: ProfileOption,
}
