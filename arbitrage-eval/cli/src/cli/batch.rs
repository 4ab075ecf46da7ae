//! Options of commands over many problems.

use std::path::PathBuf;

use arbitrage_mini::Stream;
use arbitrage_router::Policy;
use clap::{Args, ValueEnum};

use super::{LimitOptions, PairOptions};
use crate::scorer::Scorer;

/// Who completes solutions.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Writer {
    /// The draft.
    Draft,
    /// The target.
    Target,
}

/// How solutions are completed from the steps that are scored by it.
#[derive(Args)]
pub struct RolloutOptions {
    /// At which temperature completions are written, with `--scorer rollouts:K`; above 0.
    #[arg(long, default_value_t = 0.7)]
    pub rollouts_temperature: f32,
    /// Most tokens of a completion: one that is longer counts as wrong. The few that never end would otherwise take most of the time.
    #[arg(long, default_value_t = 1024)]
    pub rollouts_tokens: usize,
}

/// Problems of the mini family: a stream and a range, `train:0..6000`.
#[derive(Clone)]
pub struct MiniRange {
    /// The stream.
    pub stream: Stream,
    /// The first index.
    pub from: u64,
    /// The one past the last.
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
pub struct ProblemOptions {
    /// Files of problems: JSON lines with `question` or `problem`. The file's name is the source, unless a row says another.
    #[arg(long, num_args = 1..)]
    pub problems: Vec<PathBuf>,
    /// How the files' rows are laid out, where it is not as in a known benchmark: a file of TOML with `name`, `question`, `answer` and `id`,
    /// the latter three lists of fields.
    #[arg(long)]
    pub format: Option<PathBuf>,
    /// At most so many problems of the files, each source in proportion to its size.
    #[arg(long)]
    pub count: Option<usize>,
    /// Leaves rows out that cannot be used, instead of stopping at the first.
    #[arg(long)]
    pub skip_bad_rows: bool,
    /// Generated problems: train:0..6000, validation:FROM..TO or test:FROM..TO.
    #[arg(long)]
    pub mini: Option<MiniRange>,
    /// The family that they are drawn from, a JSON file, in place of the default one.
    #[arg(long)]
    pub family: Option<PathBuf>,
    /// Problems at a time.
    #[arg(long, default_value_t = 16)]
    pub in_flight: usize,
    /// Seed of the choice of problems.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// Many problems, solved into a file of records.
#[derive(Args)]
pub struct BatchOptions {
    /// The models.
    #[command(flatten)]
    pub models: PairOptions,
    /// Where steps and solutions end.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// The problems.
    #[command(flatten)]
    pub problems: ProblemOptions,
    /// The records' file. Solutions that it holds already are not written again.
    #[arg(long)]
    pub out: PathBuf,
}

/// Options of `collect`.
#[derive(Args)]
pub struct CollectOptions {
    /// Models, problems, and where the records go.
    #[command(flatten)]
    pub batch: BatchOptions,
    /// What scores both steps: checker (exact, of the mini family's problems), judge (the target, 0 to 9), worked (the numbers of the
    /// worked solution that comes with the problem), rollouts:K (the share of K completions that reach the answer which comes with
    /// the problem), head:DIR (of `train head`, on the target's own hidden states), prm:DIR (a reward model), or one behind a server,
    /// skywork@ADDRESS or trl@ADDRESS by its layout, with an address as in --draft and the key of ARBITRAGE_SCORER_KEY.
    #[arg(long)]
    pub scorer: Scorer,
    /// Completions.
    #[command(flatten)]
    pub rollouts: RolloutOptions,
    /// Who writes them.
    #[arg(long, value_enum, default_value_t = Writer::Target)]
    pub rollouts_by: Writer,
    /// Samples of the target's step over which its score is averaged; more than one need a temperature above 0. The first is the one
    /// that is kept where the policy escalates.
    #[arg(long, default_value_t = 1)]
    pub samples: usize,
    /// Whose decisions the solutions follow: the oracle's (the paper's way), or those of random:RATE, logprob:TAU, draft, target, ….
    #[arg(long, default_value = "oracle:0", allow_negative_numbers = true)]
    pub policy: Policy,
}

/// Options of `run`.
#[derive(Args)]
pub struct RunOptions {
    /// Models, problems, and where the records go.
    #[command(flatten)]
    pub batch: BatchOptions,
    /// Who decides: see `solve`.
    #[arg(long)]
    pub policy: Policy,
    /// The folder of a trained router, or the name of a shipped one: mini:probe, mini:text, qwen2.5-coder:probe.
    #[arg(long)]
    pub router: Option<PathBuf>,
    /// What scores steps for `rsd` and `oracle`, as `collect` has it, but for roll-outs: of the mini pair its reward model and its checker, of
    /// others the target as judge, unless said otherwise.
    #[arg(long)]
    pub scorer: Option<Scorer>,
    /// The records of another run over the same problems: says by how much this one is better, with a 95% interval.
    #[arg(long)]
    pub against: Option<PathBuf>,
}
