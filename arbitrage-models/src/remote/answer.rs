//! What a route that writes has answered, read by its row of the table.

use serde_json::Value;

use super::dialect::{Route, Shape, StopTold};

/// An answer, or a piece of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Piece {
    pub text: String,
    pub tokens: Vec<Token>,
    pub ended: Option<Ended>,
    pub counts: Counted,
}

/// A token as its log-probability was given.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub bytes: Vec<u8>,
    /// NaN where the server gave none.
    pub logprob: f32,
}

/// How the server says that it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// At this stop string.
    Stop(String),
    /// At a stop string of which only that is known.
    SomeStop,
    /// At the end of the text.
    Text,
    /// At the most tokens, or the context's end.
    Length,
}

/// Tokens, where the server counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub prompt: Option<usize>,
    pub cached: Option<usize>,
    pub written: Option<usize>,
}

/// A part of an answer that is not what the format demands. What was found is as the server wrote it: neither cut nor without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub field: String,
    pub expected: &'static str,
    pub found: String,
}

fn wrong<T>(field: impl Into<String>, expected: &'static str, found: Option<&Value>) -> Result<T, Wrong> {
    let found = found.map_or_else(|| "nothing".to_owned(), Value::to_string);
    Err(Wrong { field: field.into(), expected, found })
}

/// Reads one body, or one event of a stream.
pub(super) fn read(value: &Value, route: &Route) -> Result<Piece, Wrong> {
    let mut piece = match route.shape {
        Shape::Native => native(value, route)?,
        Shape::Completion | Shape::Chat => chosen(value, route)?,
    };
    let [prompt, written] = match route.shape {
        Shape::Native => ["/tokens_evaluated", "/tokens_predicted"],
        Shape::Completion | Shape::Chat => ["/usage/prompt_tokens", "/usage/completion_tokens"],
    };
    let count = |pointer: &str| value.pointer(pointer)?.as_u64().map(|count| count as usize);
    piece.counts = Counted { prompt: count(prompt), cached: route.cached.and_then(count), written: count(written) };
    Ok(piece)
}

/// Reads an answer that is whole, and so has to say how it ended.
pub(super) fn read_whole(value: &Value, route: &Route) -> Result<Piece, Wrong> {
    let piece = read(value, route)?;
    match (&piece.ended, route.shape) {
        (Some(_), _) => Ok(piece),
        (None, Shape::Native) => wrong("stop", "true", value.get("stop")),
        (None, _) => wrong("choices/0/finish_reason", "`stop` or `length`", value.pointer("/choices/0/finish_reason")),
    }
}

/// Whether an event of a stream is the answer's last that has text or finish.
pub(super) fn is_last(value: &Value) -> bool {
    let reason = value.pointer("/choices/0/finish_reason").is_some_and(|reason| !reason.is_null());
    reason || value.get("stop").and_then(Value::as_bool).unwrap_or(false)
}

/// An error that stands in an answer's place: its code and words.
pub(super) fn error(value: &Value) -> Option<(u16, String)> {
    let inner = match value.get("error") {
        Some(inner) if !inner.is_null() => inner,
        _ if value.get("object").is_some_and(|object| object == "error") => value,
        _ => return None,
    };
    let code = inner.get("code").and_then(Value::as_u64).filter(|code| (400..600).contains(code));
    let kind = value.get("error_type").or_else(|| inner.get("type")).and_then(Value::as_str).unwrap_or_default();
    let known = match kind {
        "overloaded" | "rate_limit_error" => 429,
        "validation" | "invalid_request_error" | "BadRequestError" | "exceed_context_size_error" => 400,
        _ => 500,
    };
    Some((code.map_or(known, |code| code as u16), words(value)))
}

/// The words of an error's body, wherever they stand.
pub(super) fn words(value: &Value) -> String {
    let places = ["/error/message", "/message", "/error", "/detail", "/detail/0/msg"];
    let said = places.into_iter().find_map(|place| value.pointer(place)?.as_str());
    said.map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether a refusal says that the prompt is too long.
pub(super) fn is_too_long(status: u16, message: &str) -> bool {
    const MARKS: [&str; 7] = [
        "maximum context length",
        "context length",
        "context size",
        "context window",
        "max_model_len",
        "max_new_tokens` must be <=",
        "tokens must be <=",
    ];
    let message = message.to_ascii_lowercase();
    matches!(status, 400 | 413 | 422) && MARKS.iter().any(|mark| message.contains(mark))
}

/// The one choice: we ask for one, so that another, a second or a foreign one belongs to someone else.
fn chosen(value: &Value, route: &Route) -> Result<Piece, Wrong> {
    let choices = value.get("choices");
    let Some(list) = choices.and_then(Value::as_array) else { return wrong("choices", "a list", choices) };
    let choice = match list.as_slice() {
        // An event that only counts.
        [] if value.get("usage").is_some_and(Value::is_object) => return Ok(Piece::default()),
        [choice] => choice,
        _ => return wrong("choices", "one choice", choices),
    };
    if choice.get("index").and_then(Value::as_u64).unwrap_or(0) != 0 {
        return wrong("choices/0/index", "0", choice.get("index"));
    }
    let text = match route.shape {
        Shape::Chat => ["/message/content", "/delta/content"].iter().find_map(|place| choice.pointer(place)),
        _ => choice.get("text"),
    };
    let text = match text {
        Some(Value::String(text)) => text.clone(),
        // Chat events that open or close an answer have no text.
        None | Some(Value::Null) if route.shape == Shape::Chat && choice.get("delta").is_some() => String::new(),
        other => return wrong("choices/0: text", "a text", other),
    };
    Ok(Piece { text, tokens: tokens(choice.get("logprobs")), ended: ended(choice, route)?, ..Piece::default() })
}

fn ended(choice: &Value, route: &Route) -> Result<Option<Ended>, Wrong> {
    let reason = choice.get("finish_reason");
    Ok(Some(match (reason.and_then(Value::as_str), route.stop) {
        (None, _) if reason.is_none_or(Value::is_null) => return Ok(None),
        (Some(word), StopTold::Reason(stop)) if word == stop => Ended::SomeStop,
        (Some("stop"), StopTold::Field(field)) => match choice.get(field) {
            Some(Value::String(stop)) if !stop.is_empty() => Ended::Stop(stop.clone()),
            _ => Ended::Text,
        },
        (Some("stop" | "eos_token"), _) => Ended::Text,
        (Some("length"), _) => Ended::Length,
        _ => return wrong("choices/0/finish_reason", "`stop` or `length`", reason),
    }))
}

fn native(value: &Value, route: &Route) -> Result<Piece, Wrong> {
    let Some(text) = value.get("content").and_then(Value::as_str) else {
        return wrong("content", "a text", value.get("content"));
    };
    let kind = value.get("stop_type");
    let stop = match route.stop {
        StopTold::Field(field) => value.get(field).and_then(Value::as_str),
        _ => None,
    };
    let ended = match kind.and_then(Value::as_str) {
        _ if !is_last(value) => None,
        Some("eos") => Some(Ended::Text),
        Some("limit") => Some(Ended::Length),
        Some("word") => Some(stop.map_or(Ended::SomeStop, |stop| Ended::Stop(stop.to_owned()))),
        _ => return wrong("stop_type", "`eos`, `limit` or `word`", kind),
    };
    let tokens = tokens(value.get("completion_probabilities"));
    Ok(Piece { text: text.to_owned(), tokens, ended, ..Piece::default() })
}

/// Tokens with their log-probabilities, in whichever form they come; none where they are absent or unreadable.
fn tokens(value: Option<&Value>) -> Vec<Token> {
    let Some(value) = value else { return Vec::new() };
    let number = |value: Option<&Value>| value.and_then(Value::as_f64).map_or(f32::NAN, |number| number as f32);
    if let Some(list) = value.as_array().or_else(|| value.get("content")?.as_array()) {
        let token = |entry: &Value| Token { bytes: bytes(entry), logprob: number(entry.get("logprob")) };
        return list.iter().map(token).collect();
    }
    let column = |name: &str| value.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (texts, numbers) = (column("tokens"), column("token_logprobs"));
    let token = |(at, logprob): (usize, &Value)| Token {
        bytes: texts.get(at).and_then(Value::as_str).unwrap_or_default().as_bytes().to_vec(),
        logprob: number(Some(logprob)),
    };
    numbers.iter().enumerate().map(token).collect()
}

/// A token's bytes, which its text may not be able to show.
fn bytes(entry: &Value) -> Vec<u8> {
    let listed = entry.get("bytes").and_then(Value::as_array);
    let listed = listed.and_then(|list| list.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()).collect());
    listed.unwrap_or_else(|| entry.get("token").and_then(Value::as_str).unwrap_or_default().as_bytes().to_vec())
}
