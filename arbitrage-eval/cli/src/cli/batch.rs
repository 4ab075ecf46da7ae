//! Options of `collect` and `run`, which solve many problems.

use std::path::PathBuf;

use arbitrage_mini::Stream;
use arbitrage_router::Policy;
use clap::{Args, ValueEnum};

use super::{BadRowOptions, LimitOptions, LookaheadOptions, PairOptions};
use crate::profile::ProfileOption;
use crate::scorer_choice::Scorer;

/// The model that completes solutions for a scorer by roll-outs.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RolloutModel {
    /// The draft.
    Draft,
    /// The target.
    Target,
}

/// How solutions are completed for `--scorer rollouts:K`.
#[derive(Args, Clone)]
pub(crate) struct RolloutOptions {
    /// Sampling temperature of completions, above 0; for `--scorer rollouts:K`.
    #[arg(long, default_value_t = 0.7)]
    pub rollouts_temperature: f32,
    /// Maximum number of tokens of a completion; a longer one counts as wrong, since the few that never end would otherwise take most
    /// of the time.
    #[arg(long, default_value_t = 1024)]
    pub rollouts_tokens: usize,
}

/// A range of generated problems: a stream and indices, `train:0..6000`.
#[derive(Clone)]
pub(crate) struct MiniRange {
    /// The stream.
    pub stream: Stream,
    /// The first index.
    pub from: u64,
    /// The end of the range, exclusive.
    pub to: u64,
}

impl std::str::FromStr for MiniRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected STREAM:FROM..TO such as train:0..6000, found `{text}`");
        let (stream, range) = text.split_once(':').ok_or_else(wrong)?;
        let (from, to) = range.split_once("..").ok_or_else(wrong)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        let (from, to) = (number(from)?, number(to)?);
        let stream = stream.parse::<Stream>().map_err(|error| error.to_string())?;
        if from < to { Ok(Self { stream, from, to }) } else { Err(wrong()) }
    }
}

/// Which problems, and how many at a time.
#[derive(Args)]
pub(crate) struct ProblemOptions {
    /// Files of problems: JSON lines with `question` or `problem`. The file's name is the source of a row that has no `source`.
    #[arg(long, num_args = 1..)]
    pub problems: Vec<PathBuf>,
    /// TOML file that says how the rows of other formats are read: `name`, and the lists of fields `question`, `answer` and `id`. The
    /// formats of known benchmarks are recognised without it.
    #[arg(long)]
    pub format: Option<PathBuf>,
    /// Maximum number of problems taken from the files, each source in proportion to its size.
    #[arg(long)]
    pub count: Option<usize>,
    /// Unusable rows.
    #[command(flatten)]
    pub bad_rows: BadRowOptions,
    /// Generated problems of the mini family: train:0..6000, validation:FROM..TO or test:FROM..TO.
    #[arg(long)]
    pub mini: Option<MiniRange>,
    /// JSON file of the family that problems are generated from, in place of the default family.
    #[arg(long)]
    pub family: Option<PathBuf>,
    /// Number of problems that are solved at the same time, in one batch.
    #[arg(long, default_value_t = 16)]
    pub in_flight: usize,
    /// Seed of the choice of problems.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// Many problems, solved into a trace file.
#[derive(Args)]
pub(crate) struct BatchOptions {
    /// The models.
    #[command(flatten)]
    pub models: PairOptions,
    /// Where steps and solutions end.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// The problems.
    #[command(flatten)]
    pub problems: ProblemOptions,
    /// Trace file, JSON lines. Problems that it already holds solutions of are not solved again.
    #[arg(long)]
    pub out: PathBuf,
}

/// Options of `collect`.
#[derive(Args)]
pub(crate) struct CollectOptions {
    /// Models, problems and the trace.
    #[command(flatten)]
    pub batch: BatchOptions,
    /// What scores both steps: checker (exact, for problems of the mini family), judge (the target, 0 to 9), reference-solution (the
    /// numbers in the solution that comes with the problem, as in GSM8K), reference-run:FILE (those in the right solutions of an earlier
    /// run, such as the target's), rollouts:K (the share of K completions that reach the gold answer), head:FOLDER (of `train head`, on the
    /// target's hidden states), prm:FOLDER (a process reward model), or a reward model behind a server, skywork@ADDRESS or trl@ADDRESS by
    /// its input format, with an address as in --draft and the API key in ARBITRAGE_SCORER_KEY.
    #[arg(long)]
    pub scorer: Scorer,
    /// Completions.
    #[command(flatten)]
    pub rollouts: RolloutOptions,
    /// The model that writes the completions of `--scorer rollouts:K`.
    #[arg(long, value_enum, default_value_t = RolloutModel::Target)]
    pub rollouts_by: RolloutModel,
    /// Number of samples of the target's step over which its score is averaged. More than one need a temperature above 0. The first
    /// sample is committed where the policy escalates.
    #[arg(long, default_value_t = 1)]
    pub samples: usize,
    /// The policy whose decisions the solutions follow: oracle:0 as in the paper, or draft, target, random:RATE, logprob:TAU and others
    /// that need no scorer.
    #[arg(long, default_value = "oracle:0", allow_negative_numbers = true)]
    pub policy: Policy,
}

/// Options of `run`.
#[derive(Args)]
pub(crate) struct RunOptions {
    /// Models, problems and the trace.
    #[command(flatten)]
    pub batch: BatchOptions,
    /// The policy, as in `solve`.
    #[arg(long)]
    pub policy: Policy,
    /// Handovers and several drafts.
    #[command(flatten)]
    pub lookahead: LookaheadOptions,
    /// Folder of a trained router, or the name of a shipped one: mini:probe, mini:text, qwen2.5-coder:probe.
    #[arg(long)]
    pub router: Option<PathBuf>,
    /// With this probability a coin decides about a step in place of the policy, so that the run shows what both decisions lead to:
    /// training data for `train sequential`.
    #[arg(long, value_name = "PROBABILITY")]
    pub explore: Option<f32>,
    /// What scores steps for `rsd` and `oracle`, as in `collect`, except rollouts:K. The default is the reward model (rsd) or the checker
    /// (oracle) for the mini pair, and the target as judge for other pairs.
    #[arg(long)]
    pub scorer: Option<Scorer>,
    /// Trace of another run on the same problems. Prints the difference in accuracy with a 95% interval.
    #[arg(long)]
    pub against: Option<PathBuf>,
    /// Whether the time of models and router is counted.
    #[command(flatten)]
    pub profile: ProfileOption,
}
