//! Options of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use arbitrage_router::Policy;
use clap::Args;

use super::{LimitOptions, LookaheadOptions, PairOptions};

/// Options of `serve`.
#[derive(Args)]
pub(crate) struct ServeOptions {
    /// The models.
    #[command(flatten)]
    pub models: PairOptions,
    /// Where steps and solutions end. A request may set a lower limit of tokens.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// Address and port to listen on. With port 0 the system chooses a free port, which is printed.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub bind: SocketAddr,
    /// Name of the model in the API. NAME:draft and NAME:target are the two models alone.
    #[arg(long, default_value = "arbitrage")]
    pub name: String,
    /// Policy of requests that name none, as in `solve`. The default is learned where the pair has a trained router, else logprob.
    #[arg(long)]
    pub policy: Option<Policy>,
    /// Folder of a trained router, or the name of a shipped one: mini:probe, mini:text, qwen2.5-coder:probe.
    #[arg(long)]
    pub router: Option<PathBuf>,
    /// Loads a scorer, so that requests can choose `rsd`: the reward model of the mini pair, the target as judge for other pairs.
    #[arg(long)]
    pub scorer: bool,
    /// Maximum number of steps that the target writes for a request that sets no budget.
    #[arg(long)]
    pub budget: Option<usize>,
    /// Handovers of requests that choose none, and several drafts for all requests; these are chosen by `score` or `logprob`, since
    /// requests may choose policies with different estimates.
    #[command(flatten)]
    pub lookahead: LookaheadOptions,
    /// Number of requests that are processed at the same time, in one batch.
    #[arg(long, default_value_t = 32)]
    pub in_flight: usize,
    /// Number of requests that may wait. Further ones are rejected with status 429.
    #[arg(long, alias = "queue", default_value_t = 64)]
    pub queue_capacity: usize,
    /// Requires the API key that this environment variable holds.
    #[arg(long, alias = "key-env", value_name = "VARIABLE")]
    pub api_key_env: Option<String>,
    /// Maximum size of a request's body in bytes.
    #[arg(long, alias = "body-bytes", default_value_t = 1 << 20)]
    pub max_body_bytes: usize,
    /// Seconds that accepted requests have to finish at shutdown.
    #[arg(long, alias = "grace", default_value_t = 30)]
    pub grace_period: u64,
    /// Appends the trace of every request to this JSONL file.
    #[arg(long)]
    pub trace: Option<PathBuf>,
}
