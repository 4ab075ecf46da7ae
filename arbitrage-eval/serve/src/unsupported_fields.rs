//! Rejects fields that would change the response and that this server does not support.

use serde_json::{Map, Value};

use super::api_error::ApiError;
use super::json_fields::Fields;
use super::request::CompletionKind;

/// The value of a field under which it has no effect.
#[derive(Clone, Copy, Debug, PartialEq)]
enum DefaultValue {
    Number(f32),
    /// An empty array or object.
    Empty,
    False,
    NoTool,
    PlainText,
    TextOnly,
    /// The field must be absent or `null`.
    Absent,
}

use DefaultValue::{Absent, Empty, False, NoTool, Number, PlainText, TextOnly};

const COMMON_FIELDS: [(&str, DefaultValue); 5] = [
    ("n", Number(1.0)),
    ("stop", Empty),
    ("presence_penalty", Number(0.0)),
    ("frequency_penalty", Number(0.0)),
    ("logit_bias", Empty),
];

const CHAT_FIELDS: [(&str, DefaultValue); 10] = [
    ("logprobs", False),
    ("top_logprobs", Number(0.0)),
    ("tools", Empty),
    ("tool_choice", NoTool),
    ("functions", Empty),
    ("function_call", NoTool),
    ("response_format", PlainText),
    ("modalities", TextOnly),
    ("audio", Absent),
    ("prediction", Absent),
];

const TEXT_FIELDS: [(&str, DefaultValue); 4] =
    [("logprobs", Absent), ("best_of", Number(1.0)), ("echo", False), ("suffix", Absent)];

impl DefaultValue {
    fn matches(self, value: &Value) -> bool {
        match self {
            Number(number) => value.as_f64().is_some_and(|found| found as f32 == number),
            Empty => value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty),
            False => *value == Value::Bool(false),
            NoTool => matches!(value.as_str(), Some("none" | "auto")),
            PlainText => value.get("type").and_then(Value::as_str) == Some("text"),
            TextOnly => value.as_array().is_some_and(|all| all.iter().all(|one| one == "text")),
            Absent => false,
        }
    }

    fn expected(self) -> String {
        match self {
            Number(number) => return number.to_string(),
            Empty | Absent => "no value, since the server does not support the field",
            False => "false",
            NoTool => "none or auto",
            PlainText => "the type text",
            TextOnly => "only text",
        }
        .to_owned()
    }
}

/// Rejects a field with more than its default value, since a response that silently ignores part of a request is worse than an error.
/// Unknown fields are ignored.
pub(super) fn check_defaults(kind: CompletionKind, fields: &Fields<'_>) -> Result<(), ApiError> {
    let specific = if kind == CompletionKind::Chat { &CHAT_FIELDS[..] } else { &TEXT_FIELDS };
    let mut known = COMMON_FIELDS.iter().chain(specific);
    let unsupported = known.find(|(field, default)| fields.get(field).is_some_and(|value| !default.matches(value)));
    unsupported.map_or(Ok(()), |(field, default)| Err(fields.invalid(field, default.expected())))
}

/// Rejects any value but the one that the server is configured with.
pub(super) fn check_fixed(field: &str, configured: f32, fields: &Fields<'_>) -> Result<(), ApiError> {
    match fields.get(field) {
        Some(value) if !Number(configured).matches(value) => {
            Err(fields.invalid(field, format!("{configured}, which the server was started with")))
        }
        _ => Ok(()),
    }
}
