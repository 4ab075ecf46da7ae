//! Options that choose the models, their devices, sampling and limits.

use std::path::PathBuf;

use arbitrage_core::router::HandoverRule;
use arbitrage_models::weights::DType;
use arbitrage_router::DraftChoiceName;
use clap::{Args, ValueEnum};

/// Where a step ends.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SegmenterOption {
    /// At a blank line, as in the paper.
    BlankLine,
    /// At the end of every line.
    Newline,
    /// Before the next `Step N:`.
    Markers,
    /// After a fixed number of tokens (`--step-tokens`).
    Tokens,
}

/// Whether the drafter writes ahead.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OverlapOption {
    /// The drafter waits until the router has decided on its step.
    Off,
    /// The drafter continues from its own step while router and target work.
    #[value(alias = "measured")]
    On,
}

/// Where the target's speculative tokens come from, which it verifies several at a time.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SpeculationSource {
    /// There are none: the target decodes one token at a time.
    Off,
    /// The rejected step.
    Rejected,
    /// The rejected step, then prompt lookup: what followed an earlier occurrence of the last tokens.
    Lookup,
    /// The rejected step, then the draft model: token-level speculative decoding.
    Draft,
}

/// The two models and how they are sampled.
#[derive(Args, Clone)]
pub(crate) struct PairOptions {
    /// The pair of models: mini, which is shipped with the program and solves generated problems, or qwen2.5-coder, the default.
    #[arg(long)]
    pub pair: Option<String>,
    /// The draft, in place of the pair's: a name from `models list`, a GGUF file, a Hugging Face folder, hf:OWNER/REPO:Q4_K_M, `same` for
    /// the target's own file with its weights requantised by --draft-weights, or DIALECT:URL#MODEL for a model behind a server (vllm, sglang,
    /// llama.cpp, tgi, openai), such as vllm:http://localhost:8000#Qwen/Qwen2.5-7B-Instruct, with its API key in ARBITRAGE_DRAFT_KEY.
    #[arg(long)]
    pub draft: Option<String>,
    /// Requantises those weights of the draft that have more bits than this format: q8_0, q6_k, q5_0, q4_k, q4_0 or another one.
    #[arg(long, value_name = "FORMAT")]
    pub draft_weights: Option<DType>,
    /// Keeps what draft and target have read (the keys and values of attention) in 8 bits in place of 16: 9/16 of that memory, and
    /// faster with contexts of thousands of tokens, but less precise: texts differ. Models on the processor only.
    #[arg(long)]
    pub int8_cache: bool,
    /// Most positions of the models' contexts, question and solution together; by default as many as their files allow. Phi-3 and Phi-4-mini
    /// compute short texts best with at most the 4,096 that they were first trained with.
    #[arg(long, value_name = "TOKENS")]
    pub context: Option<usize>,
    /// The target, in place of the pair's, as in --draft. The API key of a server is in ARBITRAGE_TARGET_KEY. Only models that the policy
    /// needs are loaded: the policy `draft` needs no target, `target` no draft; the other one's name is checked, its file is not opened.
    #[arg(long)]
    pub target: Option<String>,
    /// Renders the prompts of a draft behind a server with the chat template of this model (a name, a GGUF file or a folder), in place of
    /// the server's chat route.
    #[arg(long, value_name = "MODEL")]
    pub draft_template: Option<PathBuf>,
    /// Renders the prompts of a target behind a server, as --draft-template.
    #[arg(long, value_name = "MODEL")]
    pub target_template: Option<PathBuf>,
    /// Where the target's speculative tokens come from, which it verifies several at a time. Changes the time and never the text.
    #[arg(long, alias = "guesses", value_enum, default_value_t = SpeculationSource::Rejected)]
    pub speculation: SpeculationSource,
    /// Sampling temperature; 0 is greedy.
    #[arg(long, default_value_t = 0.0)]
    pub temperature: f32,
    /// Samples from the most probable tokens that together hold this probability.
    #[arg(long)]
    pub top_p: Option<f32>,
    /// Samples from this many of the most probable tokens.
    #[arg(long)]
    pub top_k: Option<usize>,
    /// Samples from tokens with at least this share of the most probable token's probability.
    #[arg(long)]
    pub min_p: Option<f32>,
    /// System message, in place of the default one.
    #[arg(long)]
    pub system: Option<String>,
    /// Where the models run.
    #[command(flatten)]
    pub placement: PlacementOptions,
}

/// The device that models run and are trained on.
#[derive(Args, Clone)]
pub(crate) struct DeviceOptions {
    /// Device: flex (the processor), wgpu, vulkan, metal or cuda; cuda:1 is the second device of its kind. `arbitrage devices` lists the
    /// devices of this machine.
    #[arg(long, default_value = "flex")]
    pub device: String,
}

/// The device of each model.
#[derive(Args, Clone)]
pub(crate) struct PlacementOptions {
    /// Device of the models that no other option places.
    #[command(flatten)]
    pub device: DeviceOptions,
    /// Device of the draft.
    #[arg(long, value_name = "DEVICE")]
    pub draft_device: Option<String>,
    /// Device of the target, also as judge and as reader of a head.
    #[arg(long, value_name = "DEVICE")]
    pub target_device: Option<String>,
    /// Device of a text router. Probes always run on the processor.
    #[arg(long, value_name = "DEVICE")]
    pub router_device: Option<String>,
    /// Device of a reward model.
    #[arg(long, value_name = "DEVICE")]
    pub scorer_device: Option<String>,
}

/// How the hidden states of drafted steps, which traces do not hold, are computed.
#[derive(Args, Clone)]
pub(crate) struct HiddenStateOptions {
    /// The draft model, for probes that read its hidden states.
    #[arg(long)]
    pub draft: Option<String>,
    /// Safetensors file that caches the hidden states, so that later commands on the same traces need not compute them again. An
    /// interrupted computation is resumed.
    #[arg(long)]
    pub states: Option<PathBuf>,
    /// Where models run.
    #[command(flatten)]
    pub device: DeviceOptions,
}

/// What a policy does beyond one decision on one draft.
#[derive(Args, Clone)]
pub(crate) struct LookaheadOptions {
    /// After the H-th step that the policy escalates, the target writes all further steps, or the next K of them (H:K); then the draft
    /// takes over again and the count starts anew.
    #[arg(long, value_name = "H[:K]")]
    pub handover: Option<HandoverRule>,
    /// Number of drafts of each step, written in one batch, of which the best is chosen before the target is asked. The first is the
    /// step that the draft writes by itself; the others are sampled.
    #[arg(long, default_value_t = 1)]
    pub drafts: usize,
    /// What the best draft is chosen by: `estimate`, the one that the policy would escalate last; `score`, the highest score of the
    /// scorer (for the mini pair its reward model, else the target as judge, unless --scorer names another); `logprob`, the highest mean
    /// log-probability. The first of equally good drafts is chosen.
    #[arg(long, value_name = "CHOICE", default_value = "estimate")]
    pub choose_by: DraftChoiceName,
    /// Sampling temperature of the drafts after the first.
    #[arg(long, default_value_t = DEFAULT_DRAFT_TEMPERATURE)]
    pub draft_temperature: f32,
}

/// Temperature of the drafts after the first, unless another is given.
pub(crate) const DEFAULT_DRAFT_TEMPERATURE: f32 = 0.8;

/// Where steps and solutions end.
#[derive(Args, Clone)]
pub(crate) struct LimitOptions {
    /// Where a step ends.
    #[arg(long, value_enum, default_value_t = SegmenterOption::BlankLine)]
    pub segmenter: SegmenterOption,
    /// Maximum number of steps of a solution.
    #[arg(long, default_value_t = 60)]
    pub steps: usize,
    /// Maximum number of tokens of a step.
    #[arg(long, default_value_t = 256)]
    pub step_tokens: usize,
    /// Maximum number of tokens of a solution.
    #[arg(long, default_value_t = 2048)]
    pub tokens: usize,
}
