//! The rows. Each says where its facts are documented.

use super::Setting::{Count, Flag, Flags, Number, Text};
use super::{Continuation, Dialect, Route, SamplingFields, ScoreKind, ScoreRoute, Setting, Shape, StopTold};

const CACHED: Option<&str> = Some("/usage/prompt_tokens_details/cached_tokens");
const LAST_COUNTS: &[(&str, Setting)] = &[("stream_options", Flags(&[("include_usage", true)]))];
const EACH_COUNTS: &[(&str, Setting)] =
    &[("stream_options", Flags(&[("include_usage", true), ("continuous_usage_stats", true)]))];
const COMPLETION_LOGPROBS: &[(&str, Setting)] = &[("logprobs", Count(1))];
const CHAT_LOGPROBS: &[(&str, Setting)] = &[("logprobs", Flag(true)), ("top_logprobs", Count(1))];

const COMPLETIONS: Route = Route {
    path: "/v1/completions",
    shape: Shape::Completion,
    stop: StopTold::Unsaid,
    keeps_stop: false,
    most_stops: 4,
    stop_logprob: true,
    logprobs: COMPLETION_LOGPROBS,
    counts: LAST_COUNTS,
    cached: CACHED,
};

const CHAT: Route = Route {
    path: "/v1/chat/completions",
    shape: Shape::Chat,
    stop: StopTold::Unsaid,
    keeps_stop: false,
    most_stops: 4,
    stop_logprob: true,
    logprobs: CHAT_LOGPROBS,
    counts: LAST_COUNTS,
    cached: CACHED,
};

const EMBEDDINGS: ScoreRoute = ScoreRoute {
    kind: ScoreKind::Embeddings,
    path: "/v1/embeddings",
    input: ("input", "input"),
    output: "embedding",
    listed: true,
    probabilities: false,
    fixed: &[("encoding_format", Text("float"))],
};

impl Dialect {
    /// [vLLM](https://docs.vllm.ai). Cached tokens are counted under `--enable-prompt-tokens-details`.
    pub const VLLM: Self = Self {
        name: "vllm",
        completions: Route { stop: StopTold::Field("stop_reason"), most_stops: 16, counts: EACH_COUNTS, ..COMPLETIONS },
        chat: Route { stop: StopTold::Field("stop_reason"), most_stops: 16, counts: EACH_COUNTS, ..CHAT },
        continuation: Continuation::Flags,
        sampling: SamplingFields {
            top_k_of_all: Some(-1),
            whole_top_p: true,
            neutral: &[("repetition_penalty", Number(1.0))],
        },
        specials: Some("add_special_tokens"),
        counts_room: true,
        scoring: &[
            ScoreRoute {
                kind: ScoreKind::Pooling,
                path: "/pooling",
                input: ("input", "input"),
                output: "data",
                listed: true,
                probabilities: false,
                fixed: &[("encoding_format", Text("float")), ("use_activation", Flag(false))],
            },
            EMBEDDINGS,
            ScoreRoute {
                kind: ScoreKind::Classify,
                path: "/classify",
                input: ("input", "input"),
                output: "probs",
                listed: true,
                probabilities: true,
                fixed: &[],
            },
        ],
    };

    /// [SGLang](https://docs.sglang.ai). Cached tokens are counted under `--enable-cache-report`.
    pub const SGLANG: Self = Self {
        name: "sglang",
        completions: Route {
            stop: StopTold::Field("matched_stop"),
            most_stops: 16,
            counts: EACH_COUNTS,
            ..COMPLETIONS
        },
        chat: Route { stop: StopTold::Field("matched_stop"), most_stops: 16, counts: EACH_COUNTS, ..CHAT },
        continuation: Continuation::Flags,
        sampling: SamplingFields {
            top_k_of_all: Some(-1),
            whole_top_p: true,
            neutral: &[("repetition_penalty", Number(1.0))],
        },
        specials: None,
        counts_room: true,
        scoring: &[
            // Its own route gives what the head gave. `/v1/classify` makes classes of it, and of one output always 1.
            ScoreRoute {
                kind: ScoreKind::Pooling,
                path: "/classify",
                input: ("text", "input_ids"),
                output: "embedding",
                listed: false,
                probabilities: false,
                fixed: &[],
            },
            EMBEDDINGS,
            ScoreRoute {
                kind: ScoreKind::Classify,
                path: "/v1/classify",
                input: ("input", "input"),
                output: "probs",
                listed: true,
                probabilities: true,
                fixed: &[],
            },
        ],
    };

    /// [llama.cpp](https://github.com/ggml-org/llama.cpp/tree/master/tools/server)'s server. Its own completion route says which stop
    /// hit, which OpenAI's there does not.
    pub const LLAMA_CPP: Self = Self {
        name: "llama.cpp",
        completions: Route {
            path: "/completion",
            shape: Shape::Native,
            stop: StopTold::Field("stopping_word"),
            most_stops: 16,
            stop_logprob: false,
            logprobs: &[("n_probs", Count(1))],
            counts: &[("timings_per_token", Flag(true))],
            cached: Some("/timings/cache_n"),
            ..COMPLETIONS
        },
        chat: Route { most_stops: 16, cached: Some("/timings/cache_n"), ..CHAT },
        continuation: Continuation::Always,
        sampling: SamplingFields {
            top_k_of_all: Some(0),
            whole_top_p: true,
            neutral: &[("repeat_penalty", Number(1.0)), ("cache_prompt", Flag(true))],
        },
        specials: None,
        counts_room: false,
        scoring: &[EMBEDDINGS],
    };

    /// [Text Generation Inference](https://huggingface.co/docs/text-generation-inference). It does not count cached tokens.
    pub const TGI: Self = Self {
        name: "tgi",
        completions: Route {
            stop: StopTold::Reason("stop_sequence"),
            keeps_stop: true,
            logprobs: &[],
            counts: &[],
            cached: None,
            ..COMPLETIONS
        },
        chat: Route { stop: StopTold::Reason("stop_sequence"), keeps_stop: true, cached: None, ..CHAT },
        continuation: Continuation::Always,
        sampling: SamplingFields { top_k_of_all: None, whole_top_p: false, neutral: &[] },
        specials: None,
        counts_room: true,
        scoring: &[],
    };

    /// [OpenAI](https://platform.openai.com/docs/api-reference/completions) itself, and servers that add nothing to it.
    pub const OPENAI: Self = Self {
        name: "openai",
        completions: COMPLETIONS,
        chat: CHAT,
        continuation: Continuation::Never,
        sampling: SamplingFields { top_k_of_all: None, whole_top_p: true, neutral: &[] },
        specials: None,
        counts_room: true,
        scoring: &[EMBEDDINGS],
    };
}
