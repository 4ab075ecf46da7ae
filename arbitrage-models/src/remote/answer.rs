//! Reads the answers of routes that generate text, in the dialect's format.

use serde_json::Value;

use super::dialect::{AnswerFormat, GenerationRoute, StopReporting};

/// An answer, or a part of a streamed one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct AnswerChunk {
    pub text: String,
    pub tokens: Vec<TokenLogprob>,
    pub end: Option<AnswerEnd>,
    pub counts: TokenCounts,
}

/// A token with its log-probability.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TokenLogprob {
    pub bytes: Vec<u8>,
    /// NaN if the server gave none.
    pub logprob: f32,
}

/// How the server says that the answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AnswerEnd {
    /// At this stop string.
    Stop(String),
    /// At a stop string, without saying which.
    UnknownStop,
    /// At the end of the text.
    EndOfText,
    /// At the limit on tokens, or the end of the context.
    Length,
}

/// Numbers of tokens, where the server reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TokenCounts {
    pub prompt: Option<usize>,
    pub cached: Option<usize>,
    pub generated: Option<usize>,
}

/// A part of an answer that is not what the format requires. What was found is as the server wrote it: neither shortened nor without the
/// key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnexpectedValue {
    pub field: String,
    pub expected: &'static str,
    pub found: String,
}

fn unexpected<T>(
    field: impl Into<String>,
    expected: &'static str,
    found: Option<&Value>,
) -> Result<T, UnexpectedValue> {
    let found = found.map_or_else(|| "nothing".to_owned(), Value::to_string);
    Err(UnexpectedValue { field: field.into(), expected, found })
}

/// Reads one body, or one event of a stream.
pub(super) fn read(value: &Value, route: &GenerationRoute) -> Result<AnswerChunk, UnexpectedValue> {
    let mut chunk = match route.format {
        AnswerFormat::Native => native(value, route)?,
        AnswerFormat::Completion | AnswerFormat::Chat => openai(value, route)?,
    };
    let [prompt, generated] = match route.format {
        AnswerFormat::Native => ["/tokens_evaluated", "/tokens_predicted"],
        AnswerFormat::Completion | AnswerFormat::Chat => ["/usage/prompt_tokens", "/usage/completion_tokens"],
    };
    let count = |pointer: &str| value.pointer(pointer)?.as_u64().map(|count| count as usize);
    chunk.counts =
        TokenCounts { prompt: count(prompt), cached: route.cached.and_then(count), generated: count(generated) };
    Ok(chunk)
}

/// Reads a complete answer, which has to say how it ended.
pub(super) fn read_whole(value: &Value, route: &GenerationRoute) -> Result<AnswerChunk, UnexpectedValue> {
    let chunk = read(value, route)?;
    match (&chunk.end, route.format) {
        (Some(_), _) => Ok(chunk),
        (None, AnswerFormat::Native) => unexpected("stop", "true", value.get("stop")),
        (None, _) => {
            unexpected("choices/0/finish_reason", "`stop` or `length`", value.pointer("/choices/0/finish_reason"))
        }
    }
}

/// Whether an event of a stream is the last with text or a finish reason.
pub(super) fn is_last(value: &Value) -> bool {
    let reason = value.pointer("/choices/0/finish_reason").is_some_and(|reason| !reason.is_null());
    reason || value.get("stop").and_then(Value::as_bool).unwrap_or(false)
}

/// An error in the form of an answer.
pub(super) struct ErrorAnswer {
    pub status: u16,
    pub message: String,
}

/// The error, if the answer is one.
pub(super) fn error(value: &Value) -> Option<ErrorAnswer> {
    let inner = match value.get("error") {
        Some(inner) if !inner.is_null() => inner,
        _ if value.get("object").is_some_and(|object| object == "error") => value,
        _ => return None,
    };
    let code = inner.get("code").and_then(Value::as_u64).filter(|code| (400..600).contains(code));
    let kind = value.get("error_type").or_else(|| inner.get("type")).and_then(Value::as_str).unwrap_or_default();
    let status_of_kind = match kind {
        "overloaded" | "rate_limit_error" => 429,
        "validation" | "invalid_request_error" | "BadRequestError" | "exceed_context_size_error" => 400,
        _ => 500,
    };
    Some(ErrorAnswer { status: code.map_or(status_of_kind, |code| code as u16), message: error_message(value) })
}

/// The message of an error's body, in whichever field it is.
pub(super) fn error_message(value: &Value) -> String {
    let fields = ["/error/message", "/message", "/error", "/detail", "/detail/0/msg"];
    let message = fields.into_iter().find_map(|field| value.pointer(field)?.as_str());
    message.map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether an error says that the prompt is too long.
pub(super) fn is_context_error(status: u16, message: &str) -> bool {
    const PHRASES: [&str; 7] = [
        "maximum context length",
        "context length",
        "context size",
        "context window",
        "max_model_len",
        "max_new_tokens` must be <=",
        "tokens must be <=",
    ];
    let message = message.to_ascii_lowercase();
    matches!(status, 400 | 413 | 422) && PHRASES.iter().any(|phrase| message.contains(phrase))
}

/// Reads the one choice. Only one is requested, so a second or one of another index belongs to another request.
fn openai(value: &Value, route: &GenerationRoute) -> Result<AnswerChunk, UnexpectedValue> {
    let choices = value.get("choices");
    let Some(list) = choices.and_then(Value::as_array) else { return unexpected("choices", "a list", choices) };
    let choice = match list.as_slice() {
        // An event that has only counts.
        [] if value.get("usage").is_some_and(Value::is_object) => return Ok(AnswerChunk::default()),
        [choice] => choice,
        _ => return unexpected("choices", "one choice", choices),
    };
    if choice.get("index").and_then(Value::as_u64).unwrap_or(0) != 0 {
        return unexpected("choices/0/index", "0", choice.get("index"));
    }
    let text = match route.format {
        AnswerFormat::Chat => ["/message/content", "/delta/content"].iter().find_map(|place| choice.pointer(place)),
        _ => choice.get("text"),
    };
    let text = match text {
        Some(Value::String(text)) => text.clone(),
        // The first and the last event of a streamed chat answer have no text.
        None | Some(Value::Null) if route.format == AnswerFormat::Chat && choice.get("delta").is_some() => {
            String::new()
        }
        other => return unexpected("choices/0: text", "a text", other),
    };
    Ok(AnswerChunk { text, tokens: tokens(choice.get("logprobs")), end: end(choice, route)?, ..AnswerChunk::default() })
}

fn end(choice: &Value, route: &GenerationRoute) -> Result<Option<AnswerEnd>, UnexpectedValue> {
    let reason = choice.get("finish_reason");
    Ok(Some(match (reason.and_then(Value::as_str), route.stop) {
        (None, _) if reason.is_none_or(Value::is_null) => return Ok(None),
        (Some(word), StopReporting::FinishReason(stop)) if word == stop => AnswerEnd::UnknownStop,
        (Some("stop"), StopReporting::Field(field)) => match choice.get(field) {
            Some(Value::String(stop)) if !stop.is_empty() => AnswerEnd::Stop(stop.clone()),
            _ => AnswerEnd::EndOfText,
        },
        (Some("stop" | "eos_token"), _) => AnswerEnd::EndOfText,
        (Some("length"), _) => AnswerEnd::Length,
        _ => return unexpected("choices/0/finish_reason", "`stop` or `length`", reason),
    }))
}

fn native(value: &Value, route: &GenerationRoute) -> Result<AnswerChunk, UnexpectedValue> {
    let Some(text) = value.get("content").and_then(Value::as_str) else {
        return unexpected("content", "a text", value.get("content"));
    };
    let kind = value.get("stop_type");
    let stop = match route.stop {
        StopReporting::Field(field) => value.get(field).and_then(Value::as_str),
        _ => None,
    };
    let end = match kind.and_then(Value::as_str) {
        _ if !is_last(value) => None,
        Some("eos") => Some(AnswerEnd::EndOfText),
        Some("limit") => Some(AnswerEnd::Length),
        Some("word") => Some(stop.map_or(AnswerEnd::UnknownStop, |stop| AnswerEnd::Stop(stop.to_owned()))),
        _ => return unexpected("stop_type", "`eos`, `limit` or `word`", kind),
    };
    let tokens = tokens(value.get("completion_probabilities"));
    Ok(AnswerChunk { text: text.to_owned(), tokens, end, ..AnswerChunk::default() })
}

/// Tokens with their log-probabilities, in any of the servers' forms; none if they are absent or unreadable.
fn tokens(value: Option<&Value>) -> Vec<TokenLogprob> {
    let Some(value) = value else { return Vec::new() };
    let number = |value: Option<&Value>| value.and_then(Value::as_f64).map_or(f32::NAN, |number| number as f32);
    if let Some(list) = value.as_array().or_else(|| value.get("content")?.as_array()) {
        let token = |entry: &Value| TokenLogprob { bytes: bytes(entry), logprob: number(entry.get("logprob")) };
        return list.iter().map(token).collect();
    }
    let column = |name: &str| value.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (texts, numbers) = (column("tokens"), column("token_logprobs"));
    let token = |(at, logprob): (usize, &Value)| TokenLogprob {
        bytes: texts.get(at).and_then(Value::as_str).unwrap_or_default().as_bytes().to_vec(),
        logprob: number(Some(logprob)),
    };
    numbers.iter().enumerate().map(token).collect()
}

/// A token's bytes, since a token need not be valid UTF-8 by itself.
fn bytes(entry: &Value) -> Vec<u8> {
    let listed = entry.get("bytes").and_then(Value::as_array);
    let listed = listed.and_then(|list| list.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()).collect());
    listed.unwrap_or_else(|| entry.get("token").and_then(Value::as_str).unwrap_or_default().as_bytes().to_vec())
}
