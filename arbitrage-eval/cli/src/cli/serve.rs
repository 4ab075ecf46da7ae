//! Options of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use arbitrage_router::Policy;
use clap::Args;

use super::{LimitOptions, PairOptions};

/// Options of `serve`.
#[derive(Args)]
pub struct ServeOptions {
    /// The models.
    #[command(flatten)]
    pub models: PairOptions,
    /// Where steps and solutions end. A request may ask for fewer tokens.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// Address and port. Port 0 takes a free one, which is said.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub bind: SocketAddr,
    /// The model's name for clients; NAME:draft and NAME:target are the models alone.
    #[arg(long, default_value = "arbitrage")]
    pub name: String,
    /// Who decides for requests that choose no policy, as in `solve`. The default is learned where a router is known, logprob elsewhere.
    #[arg(long)]
    pub policy: Option<Policy>,
    /// The folder of a trained router, or the name of a shipped one: mini:probe, mini:text, qwen2.5-coder:probe.
    #[arg(long)]
    pub router: Option<PathBuf>,
    /// Offers `rsd` too: loads what scores steps, the mini pair's reward model, elsewhere the target as judge.
    #[arg(long)]
    pub scorer: bool,
    /// At most this many steps by the target, for requests that set no budget.
    #[arg(long)]
    pub budget: Option<usize>,
    /// Requests at a time.
    #[arg(long, default_value_t = 32)]
    pub in_flight: usize,
    /// Requests that may wait; more are told to come again.
    #[arg(long, default_value_t = 64)]
    pub queue: usize,
    /// Wants a key: that which this environment variable holds.
    #[arg(long, value_name = "VARIABLE")]
    pub key_env: Option<String>,
    /// Most bytes of a request's body.
    #[arg(long, default_value_t = 1 << 20)]
    pub body_bytes: usize,
    /// Seconds to finish what was taken, once told to stop.
    #[arg(long, default_value_t = 30)]
    pub grace: u64,
    /// Appends the records of every request to this JSONL file.
    #[arg(long)]
    pub trace: Option<PathBuf>,
}
