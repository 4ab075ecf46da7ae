//! What can be asked for.

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use arbitrage_models::weights::DType;
use arbitrage_router::Policy;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// How errors are marked.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();

/// A small model drafts each reasoning step; a large one writes those that a router escalates.
#[derive(Parser)]
#[command(version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Subcommand)]
pub enum Command {
    /// Solves a problem and shows who wrote which step.
    Solve(Box<SolveOptions>),
    /// Models: what there is, getting it, looking inside.
    #[command(subcommand)]
    Models(ModelsCommand),
}

/// The subcommands of `models`.
#[derive(Subcommand)]
pub enum ModelsCommand {
    /// Gets a model into the local cache, digest-checked; goes on where an earlier pull stopped.
    Pull {
        /// A name from `models list`, or hf:OWNER/REPO:FILE.
        names: Vec<String>,
    },
    /// Lists the known models and which are in the cache.
    List,
    /// Shows a model's shape, tokenizer and tensors.
    Inspect {
        /// A name, a GGUF file or a Hugging Face folder.
        model: String,
        /// Lists every tensor.
        #[arg(long)]
        tensors: bool,
        /// Looks at every weight for NaN and infinity.
        #[arg(long)]
        scan: bool,
    },
}

/// How a step ends.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Segmenter {
    /// At a blank line, as in the paper.
    BlankLine,
    /// At every line's end.
    Newline,
    /// Before the next `Step N:`.
    Markers,
    /// After a fixed number of tokens (`--step-tokens`).
    Tokens,
}

/// Whether the drafter writes ahead.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Overlap {
    /// It waits for the verdict on its step.
    Off,
    /// It goes on from its own step while router and target are at work.
    On,
    /// Whichever takes less time, measured over the first 60 turns.
    Measured,
}

/// What the target verifies several tokens at a time.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Guesses {
    /// Nothing: every token takes a pass of its own.
    Off,
    /// The rejected step.
    Rejected,
    /// The rejected step, and what followed the last tokens when they came before.
    Lookup,
    /// The rejected step, and what the draft model would write: token-level speculative decoding.
    Draft,
}

/// Options of `solve`.
#[derive(Args)]
pub struct SolveOptions {
    /// The problem. Without it, it is read from standard input.
    pub question: Option<String>,
    /// A pair of models.
    #[arg(long, default_value = crate::pair::DEFAULT)]
    pub pair: String,
    /// Another drafter: a name from `models list`, a GGUF file, a Hugging Face folder, hf:OWNER/REPO:FILE, or `same` for the
    /// target's own file, made smaller by --draft-weights.
    #[arg(long)]
    pub draft: Option<String>,
    /// Requantises the drafter's weights that have more bits: q8_0, q6_k, q5_0, q4_k, q4_0, q3 or another format.
    #[arg(long, value_name = "FORMAT")]
    pub draft_weights: Option<DType>,
    /// Trims the drafter's head to the first so many tokens, or with --draft-head-from to the most frequent; beside them,
    /// end and control tokens and single bytes are kept.
    #[arg(long, value_name = "TOKENS")]
    pub draft_head: Option<usize>,
    /// Trims the drafter's head to the tokens that are frequent in this text, best one that the models wrote themselves: 32768 unless --draft-head says how many.
    #[arg(long, value_name = "FILE")]
    pub draft_head_from: Option<PathBuf>,
    /// Another target, likewise.
    #[arg(long)]
    pub target: Option<String>,
    /// Who decides, and from which threshold on: draft, target, random:RATE, logprob:TAU, entropy:TAU, rsd:TAU or
    /// oracle:TAU; the part after the colon may be left out. The last two score steps with the target as judge (0 to 9).
    #[arg(long, default_value = "logprob")]
    pub policy: Policy,
    /// The policy's threshold, in place of the one after its colon.
    #[arg(long, allow_negative_numbers = true)]
    pub tau: Option<f32>,
    /// At most this many steps by the target.
    #[arg(long)]
    pub budget: Option<usize>,
    /// What the target verifies several tokens at a time. It changes the time and never the text.
    #[arg(long, value_enum, default_value_t = Guesses::Rejected)]
    pub guesses: Guesses,
    /// Whether the drafter goes on while router and target are at work; it then is not shown as it writes. Pays where the two
    /// models run on different devices.
    #[arg(long, value_enum, default_value_t = Overlap::Off)]
    pub overlap: Overlap,
    /// How a step ends.
    #[arg(long, value_enum, default_value_t = Segmenter::BlankLine)]
    pub segmenter: Segmenter,
    /// Most steps.
    #[arg(long, default_value_t = 60)]
    pub steps: usize,
    /// Most tokens a step.
    #[arg(long, default_value_t = 256)]
    pub step_tokens: usize,
    /// Most tokens in all.
    #[arg(long, default_value_t = 2048)]
    pub tokens: usize,
    /// Sampling temperature; 0 is greedy.
    #[arg(long, default_value_t = 0.0)]
    pub temperature: f32,
    /// Keeps the most probable tokens that hold this share of the probability.
    #[arg(long)]
    pub top_p: Option<f32>,
    /// Keeps this many of the most probable tokens.
    #[arg(long)]
    pub top_k: Option<usize>,
    /// Keeps tokens at least this probable, relative to the best.
    #[arg(long)]
    pub min_p: Option<f32>,
    /// Seed of every random draw.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The system message, in place of the default one.
    #[arg(long)]
    pub system: Option<String>,
    /// Where the models run: flex (the processor), wgpu or cuda (or wgpu:N, cuda:N), as compiled in.
    #[arg(long, default_value = "flex")]
    pub device: String,
    /// Appends the run's records to this JSONL file.
    #[arg(long)]
    pub trace: Option<PathBuf>,
    /// Prints one JSON object in place of the live view.
    #[arg(long)]
    pub json: bool,
}
