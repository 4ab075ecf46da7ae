//! What is known of each kind of server, as data.
//!
//! The servers share OpenAI's routes and differ in what they add: how a stop string that hit is told from the end of the text, where
//! cached tokens are counted, how an unfinished answer is gone on with. A server of another kind is another row.

mod table;

/// One kind of server.
///
/// ```
/// use arbitrage_models::remote::{Dialect, StopTold};
/// assert_eq!(Dialect::VLLM.completions.stop, StopTold::Field("stop_reason"));
/// // Where a server does not say which stop hit, no stop strings are sent: the text is streamed and cut here.
/// assert_eq!(Dialect::OPENAI.completions.stop, StopTold::Unsaid);
/// assert!(Dialect::named("sglang").is_some());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dialect {
    /// Its name on the command line and in traces.
    pub name: &'static str,
    /// The route that goes on with a text.
    pub completions: Route,
    /// The route that goes on with a conversation.
    pub chat: Route,
    /// How the chat route is asked to go on with the last message instead of answering it.
    pub continuation: Continuation,
    /// How sampling is asked for.
    pub sampling: SamplingFields,
    /// The field that keeps the server from putting special tokens before a prompt that has them already. Where there is none, the
    /// server is left to write the beginning-of-text token, and the template's is taken out.
    pub specials: Option<&'static str>,
    /// Whether a request is refused when prompt and `max_tokens` together pass the context, rather than the prompt alone.
    pub counts_room: bool,
    /// The routes that judge a text.
    pub scoring: &'static [ScoreRoute],
}

/// A route that writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Its path.
    pub path: &'static str,
    /// Where text, finish and counts lie in its answers.
    pub shape: Shape,
    /// How a stop string that hit is told from the end of the text.
    pub stop: StopTold,
    /// Whether the text keeps the stop string that ended it.
    pub keeps_stop: bool,
    /// Most stop strings that it takes.
    pub most_stops: usize,
    /// Whether the token that completes a stop string comes with its log-probability. Where it does not, and log-probabilities are
    /// wanted, no stop strings are sent.
    pub stop_logprob: bool,
    /// Fields that ask for the log-probability of each token.
    pub logprobs: &'static [(&'static str, Setting)],
    /// Fields that ask for counts in each event of a stream, so that one which is cut off tells them too.
    pub counts: &'static [(&'static str, Setting)],
    /// Where cached prompt tokens are counted, as a JSON pointer.
    pub cached: Option<&'static str>,
}

/// Where things lie in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// OpenAI's completions: `choices[0].text`, `usage`.
    Completion,
    /// OpenAI's chat: `choices[0].message.content` or `.delta.content`, `usage`.
    Chat,
    /// llama.cpp's own: `content`, `stop_type`, `tokens_predicted`.
    Native,
}

/// How a stop string that hit is told from the end of the text. Both are `stop` to OpenAI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopTold {
    /// A field of the choice holds the stop string; null, a token's id or an empty text where the model ended its text.
    Field(&'static str),
    /// `finish_reason` has a word of its own for it.
    Reason(&'static str),
    /// Not at all.
    Unsaid,
}

/// How a chat route is asked to go on with the last message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// By `continue_final_message` and `add_generation_prompt`.
    Flags,
    /// It does so whenever the last message is the assistant's.
    Always,
    /// It cannot.
    Never,
}

/// How sampling is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingFields {
    /// The `top_k` that keeps all tokens; `None` where the server knows neither `top_k` nor `min_p`.
    pub top_k_of_all: Option<i64>,
    /// Whether a `top_p` of 1 is sent. Where it is not, a server takes it for out of range and keeps all tokens unasked.
    pub whole_top_p: bool,
    /// Fields that undo what the server or the model's files would do to the distribution unasked.
    pub neutral: &'static [(&'static str, Setting)],
}

/// A value in a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setting {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Count(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(&'static str),
    /// An object of flags.
    Flags(&'static [(&'static str, bool)]),
}

/// A route that judges a text.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreRoute {
    /// What it is asked for as.
    pub kind: ScoreKind,
    /// Its path.
    pub path: &'static str,
    /// The field that holds a text, and the one that holds tokens.
    pub input: (&'static str, &'static str),
    /// The field of each result that holds the numbers.
    pub output: &'static str,
    /// Whether results lie in a list under `data`; else the body is one result, or a list of them.
    pub listed: bool,
    /// Whether the numbers are probabilities, rather than a head's raw outputs.
    pub probabilities: bool,
    /// Fields that are always sent.
    pub fixed: &'static [(&'static str, Setting)],
}

/// The kinds of routes that judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScoreKind {
    /// Raw outputs of a head, of each token or of the last one.
    Pooling,
    /// An embedding whose numbers are the head's outputs, as reward models are served by plug-ins (Skywork's, for one).
    Embeddings,
    /// Probabilities of classes.
    Classify,
}

impl Dialect {
    /// The whole table.
    pub const ALL: [Self; 5] = [Self::VLLM, Self::SGLANG, Self::LLAMA_CPP, Self::TGI, Self::OPENAI];

    /// The row of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name == name)
    }

    /// The route that judges in that way.
    pub fn score_route(&self, kind: ScoreKind) -> Option<&'static ScoreRoute> {
        self.scoring.iter().find(|route| route.kind == kind)
    }
}
