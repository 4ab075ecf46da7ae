//! Options of `eval` and `merge`.

use std::path::PathBuf;

use arbitrage_eval::harness::Shard;
use clap::Args;

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
