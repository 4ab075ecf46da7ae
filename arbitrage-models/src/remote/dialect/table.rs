//! The dialects, each with a link to the server's documentation.

use super::FieldValue::{Count, Flag, Flags, Number, Text};
use super::{
    AnswerFormat, Continuation, Dialect, FieldValue, GenerationRoute, SamplingFields, ScoreKind, ScoreRoute,
    StopReporting,
};

const CACHED_TOKENS: Option<&str> = Some("/usage/prompt_tokens_details/cached_tokens");
const COUNTS_IN_LAST_EVENT: &[(&str, FieldValue)] = &[("stream_options", Flags(&[("include_usage", true)]))];
const COUNTS_IN_EACH_EVENT: &[(&str, FieldValue)] =
    &[("stream_options", Flags(&[("include_usage", true), ("continuous_usage_stats", true)]))];
const COMPLETION_LOGPROBS: &[(&str, FieldValue)] = &[("logprobs", Count(1))];
const CHAT_LOGPROBS: &[(&str, FieldValue)] = &[("logprobs", Flag(true)), ("top_logprobs", Count(1))];

const COMPLETIONS: GenerationRoute = GenerationRoute {
    path: "/v1/completions",
    format: AnswerFormat::Completion,
    accepts_tokens: true,
    stop: StopReporting::Unreported,
    text_includes_stop: false,
    max_stops: 4,
    stop_logprob: true,
    logprobs: COMPLETION_LOGPROBS,
    counts: COUNTS_IN_LAST_EVENT,
    cached: CACHED_TOKENS,
};

const CHAT: GenerationRoute = GenerationRoute {
    path: "/v1/chat/completions",
    format: AnswerFormat::Chat,
    accepts_tokens: false,
    stop: StopReporting::Unreported,
    text_includes_stop: false,
    max_stops: 4,
    stop_logprob: true,
    logprobs: CHAT_LOGPROBS,
    counts: COUNTS_IN_LAST_EVENT,
    cached: CACHED_TOKENS,
};

const EMBEDDINGS: ScoreRoute = ScoreRoute {
    kind: ScoreKind::Embeddings,
    path: "/v1/embeddings",
    text_field: "input",
    tokens_field: "input",
    output: "embedding",
    results_in_data: true,
    probabilities: false,
    fixed: &[("encoding_format", Text("float"))],
};

impl Dialect {
    /// [vLLM](https://docs.vllm.ai). Cached tokens are reported with `--enable-prompt-tokens-details`.
    pub const VLLM: Self = Self {
        name: "vllm",
        completions: GenerationRoute {
            stop: StopReporting::Field("stop_reason"),
            max_stops: 16,
            counts: COUNTS_IN_EACH_EVENT,
            ..COMPLETIONS
        },
        chat: GenerationRoute {
            stop: StopReporting::Field("stop_reason"),
            max_stops: 16,
            counts: COUNTS_IN_EACH_EVENT,
            ..CHAT
        },
        continuation: Continuation::Flags,
        sampling: SamplingFields {
            disabled_top_k: Some(-1),
            sends_top_p_of_one: true,
            neutral: &[("repetition_penalty", Number(1.0))],
        },
        add_special_tokens: Some("add_special_tokens"),
        context_includes_max_tokens: true,
        scoring: &[
            ScoreRoute {
                kind: ScoreKind::Pooling,
                path: "/pooling",
                text_field: "input",
                tokens_field: "input",
                output: "data",
                results_in_data: true,
                probabilities: false,
                fixed: &[("encoding_format", Text("float")), ("use_activation", Flag(false))],
            },
            EMBEDDINGS,
            ScoreRoute {
                kind: ScoreKind::Classify,
                path: "/classify",
                text_field: "input",
                tokens_field: "input",
                output: "probs",
                results_in_data: true,
                probabilities: true,
                fixed: &[],
            },
        ],
    };

    /// [SGLang](https://docs.sglang.ai). Cached tokens are reported with `--enable-cache-report`.
    pub const SGLANG: Self = Self {
        name: "sglang",
        completions: GenerationRoute {
            stop: StopReporting::Field("matched_stop"),
            max_stops: 16,
            counts: COUNTS_IN_EACH_EVENT,
            ..COMPLETIONS
        },
        chat: GenerationRoute {
            stop: StopReporting::Field("matched_stop"),
            max_stops: 16,
            counts: COUNTS_IN_EACH_EVENT,
            ..CHAT
        },
        continuation: Continuation::Flags,
        sampling: SamplingFields {
            disabled_top_k: Some(-1),
            sends_top_p_of_one: true,
            neutral: &[("repetition_penalty", Number(1.0))],
        },
        add_special_tokens: None,
        context_includes_max_tokens: true,
        scoring: &[
            // The server's own route gives the head's outputs. `/v1/classify` makes probabilities of them, which for one output is always 1.
            ScoreRoute {
                kind: ScoreKind::Pooling,
                path: "/classify",
                text_field: "text",
                tokens_field: "input_ids",
                output: "embedding",
                results_in_data: false,
                probabilities: false,
                fixed: &[],
            },
            EMBEDDINGS,
            ScoreRoute {
                kind: ScoreKind::Classify,
                path: "/v1/classify",
                text_field: "input",
                tokens_field: "input",
                output: "probs",
                results_in_data: true,
                probabilities: true,
                fixed: &[],
            },
        ],
    };

    /// [llama.cpp](https://github.com/ggml-org/llama.cpp/tree/master/tools/server)'s server. Its own completion route reports
    /// stop strings, which its OpenAI route does not.
    pub const LLAMA_CPP: Self = Self {
        name: "llama.cpp",
        completions: GenerationRoute {
            path: "/completion",
            format: AnswerFormat::Native,
            stop: StopReporting::Field("stopping_word"),
            max_stops: 16,
            stop_logprob: false,
            logprobs: &[("n_probs", Count(1))],
            counts: &[("timings_per_token", Flag(true))],
            cached: Some("/timings/cache_n"),
            ..COMPLETIONS
        },
        chat: GenerationRoute { max_stops: 16, cached: Some("/timings/cache_n"), ..CHAT },
        continuation: Continuation::Always,
        sampling: SamplingFields {
            disabled_top_k: Some(0),
            sends_top_p_of_one: true,
            neutral: &[("repeat_penalty", Number(1.0)), ("cache_prompt", Flag(true))],
        },
        add_special_tokens: None,
        context_includes_max_tokens: false,
        scoring: &[EMBEDDINGS],
    };

    /// [Text Generation Inference](https://huggingface.co/docs/text-generation-inference). It does not report cached tokens.
    pub const TGI: Self = Self {
        name: "tgi",
        completions: GenerationRoute {
            accepts_tokens: false,
            stop: StopReporting::FinishReason("stop_sequence"),
            text_includes_stop: true,
            logprobs: &[],
            counts: &[],
            cached: None,
            ..COMPLETIONS
        },
        chat: GenerationRoute {
            stop: StopReporting::FinishReason("stop_sequence"),
            text_includes_stop: true,
            cached: None,
            ..CHAT
        },
        continuation: Continuation::Always,
        sampling: SamplingFields { disabled_top_k: None, sends_top_p_of_one: false, neutral: &[] },
        add_special_tokens: None,
        context_includes_max_tokens: true,
        scoring: &[],
    };

    /// [OpenAI](https://platform.openai.com/docs/api-reference/completions) itself, and servers without extensions.
    pub const OPENAI: Self = Self {
        name: "openai",
        completions: COMPLETIONS,
        chat: CHAT,
        continuation: Continuation::Never,
        sampling: SamplingFields { disabled_top_k: None, sends_top_p_of_one: true, neutral: &[] },
        add_special_tokens: None,
        context_includes_max_tokens: true,
        scoring: &[EMBEDDINGS],
    };
}
