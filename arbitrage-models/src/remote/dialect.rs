//! How each kind of server differs from OpenAI's API, as data.
//!
//! The servers share OpenAI's routes and differ in their extensions: how an answer that ended at a stop string is told apart from the end
//! of the text, where cached tokens are reported, how an unfinished answer is continued. Support for another server is another constant.

mod table;

/// One kind of server.
///
/// ```
/// use arbitrage_models::remote::{Dialect, StopReporting};
/// assert_eq!(Dialect::VLLM.completions.stop, StopReporting::Field("stop_reason"));
/// // If a server does not report stop strings, none are sent: the text is streamed and cut here.
/// assert_eq!(Dialect::OPENAI.completions.stop, StopReporting::Unreported);
/// assert!(Dialect::named("sglang").is_some());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dialect {
    /// Its name on the command line and in traces.
    pub name: &'static str,
    /// The route that continues a text.
    pub completions: GenerationRoute,
    /// The route that continues a conversation.
    pub chat: GenerationRoute,
    /// How the chat route is made to continue the last message instead of answering it.
    pub continuation: Continuation,
    /// How sampling is requested.
    pub sampling: SamplingFields,
    /// The field that says whether the server adds special tokens to a prompt. It is sent as `false` for a prompt that has them. Without
    /// such a field, the server adds the beginning-of-text token, and the template's is removed.
    pub add_special_tokens: Option<&'static str>,
    /// Whether a request is refused if prompt and `max_tokens` together exceed the context, rather than the prompt alone.
    pub context_includes_max_tokens: bool,
    /// The routes that score a text.
    pub scoring: &'static [ScoreRoute],
}

/// A route that generates text.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerationRoute {
    /// Its path.
    pub path: &'static str,
    /// The format of its answers.
    pub format: AnswerFormat,
    /// Whether a prompt may be a list of token ids. As text, the names of control tokens in a question become those tokens.
    pub accepts_tokens: bool,
    /// How an answer says that it ended at a stop string.
    pub stop: StopReporting,
    /// Whether the text includes the stop string that ended it.
    pub text_includes_stop: bool,
    /// Most stop strings that it accepts.
    pub max_stops: usize,
    /// Whether the token that completes a stop string has a log-probability. If not, no stop strings are sent when log-probabilities are
    /// requested.
    pub stop_logprob: bool,
    /// Fields that request the log-probability of each token.
    pub logprobs: &'static [(&'static str, FieldValue)],
    /// Fields that request token counts in the events of a stream, if possible in each, since a stream may be closed early.
    pub counts: &'static [(&'static str, FieldValue)],
    /// JSON pointer to the number of cached prompt tokens.
    pub cached: Option<&'static str>,
}

/// Which fields an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerFormat {
    /// That of OpenAI's completions: `choices[0].text`, `usage`.
    Completion,
    /// That of OpenAI's chat: `choices[0].message.content` or `.delta.content`, `usage`.
    Chat,
    /// llama.cpp's own: `content`, `stop_type`, `tokens_predicted`.
    Native,
}

/// How an answer that ended at a stop string is told apart from one that ended at the end of the text. OpenAI's finish reason is `stop`
/// for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReporting {
    /// A field of the choice has the stop string. It is null, a token's id or empty if the model ended its text.
    Field(&'static str),
    /// `finish_reason` has a value of its own for stop strings.
    FinishReason(&'static str),
    /// It is not.
    Unreported,
}

/// How a chat route is made to continue the last message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// By `continue_final_message` and `add_generation_prompt`.
    Flags,
    /// It does so whenever the last message is the assistant's.
    Always,
    /// It cannot.
    Never,
}

/// How sampling is requested.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingFields {
    /// The `top_k` that keeps all tokens; `None` if the server knows neither `top_k` nor `min_p`.
    pub disabled_top_k: Option<i64>,
    /// Whether a `top_p` of 1 is sent. Some servers refuse it as out of range, and keep all tokens without it.
    pub sends_top_p_of_one: bool,
    /// Fields that switch off what the server's or the model's defaults would do to the distribution.
    pub neutral: &'static [(&'static str, FieldValue)],
}

/// The value of a field in a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue {
    /// `true` or `false`.
    Flag(bool),
    /// An integer.
    Count(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(&'static str),
    /// An object of flags.
    Flags(&'static [(&'static str, bool)]),
}

/// A route that scores a text.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreRoute {
    /// Its kind.
    pub kind: ScoreKind,
    /// Its path.
    pub path: &'static str,
    /// The field for an input as text.
    pub text_field: &'static str,
    /// The field for an input as tokens.
    pub tokens_field: &'static str,
    /// The field of each result that has the numbers.
    pub output: &'static str,
    /// Whether results are a list under `data`; otherwise the body is one result, or a list of them.
    pub results_in_data: bool,
    /// Whether the numbers are probabilities, rather than a head's raw outputs.
    pub probabilities: bool,
    /// Fields that are always sent.
    pub fixed: &'static [(&'static str, FieldValue)],
}

/// The kinds of routes that score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScoreKind {
    /// Raw outputs of a head, of each token or of the last one.
    Pooling,
    /// An embedding whose numbers are the head's outputs, as plug-ins serve reward models, for instance Skywork's.
    Embeddings,
    /// Probabilities of classes.
    Classify,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 5] = [Self::VLLM, Self::SGLANG, Self::LLAMA_CPP, Self::TGI, Self::OPENAI];

    /// The dialect called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name == name)
    }

    /// The scoring route of this kind.
    pub fn score_route(&self, kind: ScoreKind) -> Option<&'static ScoreRoute> {
        self.scoring.iter().find(|route| route.kind == kind)
    }
}
