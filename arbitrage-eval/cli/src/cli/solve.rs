//! Options of `solve`.

use std::path::PathBuf;

use arbitrage_router::Policy;
use clap::Args;

use super::{LimitOptions, Overlap, PairOptions};

/// Options of `solve`.
#[derive(Args)]
pub struct SolveOptions {
    /// The problem. Without it, it is read from standard input; where that is a terminal, or the pair is mini, one is
    /// generated for the mini pair.
    pub question: Option<String>,
    /// The models.
    #[command(flatten)]
    pub models: PairOptions,
    /// Where steps and solutions end.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// Who decides, and from which threshold on: draft, target, random:RATE, logprob:TAU, entropy:TAU, rsd:TAU,
    /// oracle:TAU or learned:TAU; the part after the colon may be left out. RSD and the oracle score steps with the target as judge
    /// (0 to 9), on the mini pair with its reward model and its checker. The default is learned where a router is known, logprob elsewhere.
    #[arg(long)]
    pub policy: Option<Policy>,
    /// The folder of a trained router, or the name of a shipped one: mini:probe, mini:text, qwen2.5-coder:probe.
    #[arg(long)]
    pub router: Option<PathBuf>,
    /// The policy's threshold, in place of the one after its colon.
    #[arg(long, allow_negative_numbers = true)]
    pub tau: Option<f32>,
    /// At most this many steps by the target.
    #[arg(long)]
    pub budget: Option<usize>,
    /// Whether the drafter goes on while router and target are at work; it then is not shown as it writes. Pays where the two
    /// models run on different devices.
    #[arg(long, value_enum, default_value_t = Overlap::Off)]
    pub overlap: Overlap,
    /// Seed of every random draw, and which problem is generated where there is no question.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Appends the run's records to this JSONL file.
    #[arg(long)]
    pub trace: Option<PathBuf>,
    /// Prints one JSON object in place of the live view.
    #[arg(long)]
    pub json: bool,
}
