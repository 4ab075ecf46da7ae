//! What can be asked for.

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use arbitrage_eval::mini::Stream;
use arbitrage_models::weights::DType;
use arbitrage_router::Policy;
use arbitrage_router::calibrate::Goal;
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
    /// Collects labelled steps: both models write every step, both are scored. A collection that was cut off goes on.
    Collect(Box<CollectOptions>),
    /// Trains reward models and routers on collected steps. A training that was killed goes on from its checkpoint.
    #[command(subcommand)]
    Train(TrainCommand),
    /// Chooses a router's threshold from a goal, on problems that it was not trained on.
    Calibrate(CalibrateOptions),
    /// Solves many problems with a policy and says how many are right. A run that was cut off goes on.
    Run(Box<RunOptions>),
    /// Compares routers and gates on collected steps of problems that none has seen.
    Compare(CompareOptions),
    /// The mini family: a draft, a target and a router that are trained from scratch on generated problems.
    #[command(subcommand)]
    Mini(MiniCommand),
}

/// The subcommands of `mini`.
#[derive(Subcommand)]
pub enum MiniCommand {
    /// Trains the draft from scratch.
    Draft(WriterOptions),
    /// Trains the target from scratch.
    Target(WriterOptions),
}

/// The subcommands of `train`.
#[derive(Subcommand)]
pub enum TrainCommand {
    /// A process reward model: scores a step from the text.
    Prm(PrmOptions),
    /// The paper's router: reads the annotated text.
    Text(TextOptions),
    /// A probe: reads numbers that the draft computed anyway.
    Probe(ProbeOptions),
}

/// Data and loop of a training.
#[derive(Args)]
pub struct FitOptions {
    /// Traces of `collect`, all of one pair.
    #[arg(long, num_args = 1.., required = true)]
    pub traces: Vec<PathBuf>,
    /// The folder of what is trained.
    #[arg(long)]
    pub out: PathBuf,
    /// Share of the problems on which the best weights are chosen.
    #[arg(long, default_value_t = 0.1)]
    pub validation: f64,
    /// Steps of the optimizer, at most.
    #[arg(long, default_value_t = 1500)]
    pub steps: usize,
    /// Examples a step.
    #[arg(long, default_value_t = 32)]
    pub batch: usize,
    /// Greatest learning rate.
    #[arg(long, default_value_t = 5e-4)]
    pub rate: f64,
    /// Ends the training after so many scores in a row without a better one.
    #[arg(long, default_value_t = 8)]
    pub patience: usize,
    /// Seed of weights, batches and splits.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// What is done about classes of unequal size.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Balance {
    /// Nothing.
    None,
    /// The larger ones are down-sampled at random, as in the paper.
    DownSample,
    /// Each counts by the inverse of its size.
    Weights,
}

/// What a router is taught.
#[derive(Args)]
pub struct RecipeOptions {
    /// Classes of the advantage: 2 for no gain and gain, more for quantiles.
    #[arg(long, default_value_t = 2)]
    pub classes: usize,
    /// The head answers "higher than class k?" for each k.
    #[arg(long)]
    pub ordinal: bool,
    /// What is done about classes of unequal size.
    #[arg(long, value_enum, default_value_t = Balance::DownSample)]
    pub balance: Balance,
}

/// Options of `train prm`.
#[derive(Args)]
pub struct PrmOptions {
    /// Data and loop.
    #[command(flatten)]
    pub fit: FitOptions,
    /// The Hugging Face folder of the decoder that it starts from.
    #[arg(long)]
    pub base: PathBuf,
    /// Keeps the decoder's first layers only.
    #[arg(long)]
    pub layers: Option<usize>,
}

/// Options of `train text`.
#[derive(Args)]
pub struct TextOptions {
    /// Data and loop.
    #[command(flatten)]
    pub fit: FitOptions,
    /// What it is taught.
    #[command(flatten)]
    pub recipe: RecipeOptions,
    /// The Hugging Face folder of the decoder that it starts from: the draft, the target, or a reward model.
    #[arg(long)]
    pub base: PathBuf,
    /// Keeps the decoder's first layers only.
    #[arg(long)]
    pub layers: Option<usize>,
    /// Does not tell who wrote each step.
    #[arg(long)]
    pub unannotated: bool,
}

/// What a probe reads.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProbeInputs {
    /// Log-probabilities, entropy, length, place: the tabular baseline.
    Scalars,
    /// Hidden states.
    Hidden,
    /// Both.
    Both,
}

/// Options of `train probe`.
#[derive(Args)]
pub struct ProbeOptions {
    /// Data and loop.
    #[command(flatten)]
    pub fit: FitOptions,
    /// What it is taught.
    #[command(flatten)]
    pub recipe: RecipeOptions,
    /// What it reads.
    #[arg(long, value_enum, default_value_t = ProbeInputs::Both)]
    pub inputs: ProbeInputs,
    /// The draft model, of which hidden states are read.
    #[arg(long)]
    pub draft: Option<String>,
    /// Width of the inner layer: 64 unless said otherwise, 0 for none.
    #[arg(long)]
    pub width: Option<usize>,
}

/// Options of `compare`.
#[derive(Args)]
pub struct CompareOptions {
    /// Traces of `collect` along the oracle, of problems that nothing was trained on.
    #[arg(long, num_args = 1.., required = true)]
    pub traces: Vec<PathBuf>,
    /// Folders of routers.
    #[arg(long, num_args = 0..)]
    pub router: Vec<PathBuf>,
    /// Folders of reward models, for RSD.
    #[arg(long, num_args = 0..)]
    pub prm: Vec<PathBuf>,
    /// The draft model, where a probe reads hidden states.
    #[arg(long)]
    pub draft: Option<String>,
    /// Resamples of the intervals.
    #[arg(long, default_value_t = 1000)]
    pub resamples: usize,
    /// Writes all figures to this JSON file.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// What scores steps.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scorer {
    /// The exact checker of the mini family's problems.
    Checker,
    /// The target as judge, 0 to 9.
    Judge,
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

/// Options of `collect`.
#[derive(Args)]
pub struct CollectOptions {
    /// The models.
    #[command(flatten)]
    pub models: PairOptions,
    /// Where steps and solutions end.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// The problems.
    #[command(flatten)]
    pub problems: ProblemOptions,
    /// What scores both steps.
    #[arg(long, value_enum)]
    pub scorer: Scorer,
    /// Whose decisions the solutions follow: the oracle's (the paper's way), or those of random:RATE, logprob:TAU, draft, target, ….
    #[arg(long, default_value = "oracle:0", allow_negative_numbers = true)]
    pub policy: Policy,
    /// The records' file. Solutions that it holds already are not written again.
    #[arg(long)]
    pub out: PathBuf,
}

/// Options of `run`.
#[derive(Args)]
pub struct RunOptions {
    /// The models.
    #[command(flatten)]
    pub models: PairOptions,
    /// Where steps and solutions end.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// The problems.
    #[command(flatten)]
    pub problems: ProblemOptions,
    /// Who decides: see `solve`.
    #[arg(long)]
    pub policy: Policy,
    /// The folder of a trained router.
    #[arg(long)]
    pub router: Option<PathBuf>,
    /// The records' file. Solutions that it holds already are not written again.
    #[arg(long)]
    pub out: PathBuf,
    /// The records of another run over the same problems: says by how much this one is better, with a 95% interval.
    #[arg(long)]
    pub against: Option<PathBuf>,
}

/// Options of `calibrate`.
#[derive(Args)]
pub struct CalibrateOptions {
    /// The router's folder: its card gets the calibration and the threshold.
    #[arg(long)]
    pub router: PathBuf,
    /// Traces of `collect` of problems that it was not trained on.
    #[arg(long, num_args = 1.., required = true)]
    pub traces: Vec<PathBuf>,
    /// What the threshold is for: accept:SHARE (of the steps), budget:B (escalations a problem), latency:SHARE (of the target's own).
    #[arg(long)]
    pub goal: Goal,
    /// How estimates become probabilities.
    #[arg(long, value_enum, default_value_t = Calibration::Isotonic)]
    pub by: Calibration,
    /// The draft model, where a probe reads hidden states.
    #[arg(long)]
    pub draft: Option<String>,
}

/// How estimates become probabilities.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Calibration {
    /// They stay as they are.
    None,
    /// A logistic curve.
    Platt,
    /// A monotone step function.
    Isotonic,
}

/// Options of `mini draft` and `mini target`.
#[derive(Args)]
pub struct WriterOptions {
    /// The model's folder. A training that was killed goes on from the checkpoint in it.
    #[arg(long)]
    pub out: PathBuf,
    /// Trains for a minute, to show that everything works.
    #[arg(long)]
    pub quick: bool,
    /// The family that problems are drawn from, a JSON file, in place of the default one.
    #[arg(long)]
    pub family: Option<PathBuf>,
    /// Steps of the optimizer, in place of the recipe's. Each meets new problems.
    #[arg(long)]
    pub steps: Option<usize>,
    /// Steps between two scores and two checkpoints.
    #[arg(long)]
    pub every: Option<usize>,
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

/// Which models, and how they write.
#[derive(Args, Clone)]
pub struct PairOptions {
    /// A pair of models: mini, which is shipped with the program and solves generated problems, or qwen2.5-coder, the default.
    #[arg(long)]
    pub pair: Option<String>,
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
    /// What the target verifies several tokens at a time. It changes the time and never the text.
    #[arg(long, value_enum, default_value_t = Guesses::Rejected)]
    pub guesses: Guesses,
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
    /// The system message, in place of the default one.
    #[arg(long)]
    pub system: Option<String>,
    /// Where the models run: flex (the processor), wgpu or cuda (or wgpu:N, cuda:N), as compiled in.
    #[arg(long, default_value = "flex")]
    pub device: String,
}

/// Where steps and solutions end.
#[derive(Args)]
pub struct LimitOptions {
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
}

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
    /// The folder of a trained router.
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
