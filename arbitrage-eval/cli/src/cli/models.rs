//! Which models, and how they write.

use std::path::PathBuf;

use arbitrage_models::weights::DType;
use clap::{Args, ValueEnum};

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
    /// It continues from its own step while router and target are busy.
    On,
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
    /// Another drafter: a name from `models list`, a GGUF file, a Hugging Face folder, hf:OWNER/REPO:FILE, `same` for the
    /// target's own file, made smaller by --draft-weights, or DIALECT:URL#MODEL for one behind a server (vllm, sglang, llama.cpp,
    /// tgi, openai), such as vllm:http://localhost:8000#Qwen/Qwen2.5-7B-Instruct. Its key is that of ARBITRAGE_DRAFT_KEY.
    #[arg(long)]
    pub draft: Option<String>,
    /// Requantises the drafter's weights that have more bits: q8_0, q6_k, q5_0, q4_k, q4_0 or another format.
    #[arg(long, value_name = "FORMAT")]
    pub draft_weights: Option<DType>,
    /// Another target, likewise; its key is that of ARBITRAGE_TARGET_KEY.
    #[arg(long)]
    pub target: Option<String>,
    /// Renders a served draft's prompts here, by the chat template of this model (a name, a GGUF file or a folder), in place of the
    /// server's chat route.
    #[arg(long, value_name = "MODEL")]
    pub draft_template: Option<PathBuf>,
    /// A served target's, likewise.
    #[arg(long, value_name = "MODEL")]
    pub target_template: Option<PathBuf>,
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
    /// Where the models run.
    #[command(flatten)]
    pub placement: PlacementOptions,
}

/// Where models run and learn.
#[derive(Args, Clone)]
pub struct DeviceOptions {
    /// Where models run and learn: flex (the processor), wgpu, vulkan, metal or cuda; cuda:1 is the second of its kind. `devices`
    /// lists what there is.
    #[arg(long, default_value = "flex")]
    pub device: String,
}

/// Where each of several models runs.
#[derive(Args, Clone)]
pub struct PlacementOptions {
    /// Where those run that no other option places.
    #[command(flatten)]
    pub device: DeviceOptions,
    /// Where the draft runs.
    #[arg(long, value_name = "DEVICE")]
    pub draft_device: Option<String>,
    /// Where the target runs, which is also the judge, and the reader of a head.
    #[arg(long, value_name = "DEVICE")]
    pub target_device: Option<String>,
    /// Where a router runs that reads the text; a probe asks for no device.
    #[arg(long, value_name = "DEVICE")]
    pub router_device: Option<String>,
    /// Where a reward model runs that scores steps.
    #[arg(long, value_name = "DEVICE")]
    pub scorer_device: Option<String>,
}

/// Hidden states of drafted steps, which traces do not keep.
#[derive(Args, Clone)]
pub struct StatesOptions {
    /// The draft model, where a probe reads its hidden states.
    #[arg(long)]
    pub draft: Option<String>,
    /// Keeps the states that were read in this file, and takes those that it has: whatever reads the same traces reads them once, and a
    /// reading that was cut off goes on.
    #[arg(long)]
    pub states: Option<PathBuf>,
    /// Where models run.
    #[command(flatten)]
    pub device: DeviceOptions,
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
