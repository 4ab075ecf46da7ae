//! Fields that would change an answer and that nothing here follows.

use serde_json::{Map, Value};

use super::asked::Kind;
use super::fields::Fields;
use super::refusal::Refusal;

/// A value that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Neutral {
    Number(f32),
    /// An empty array or object.
    Empty,
    False,
    NoTool,
    PlainText,
    TextAlone,
    /// Only absence, and `null`.
    Nothing,
}

use Neutral::{Empty, False, NoTool, Nothing, Number, PlainText, TextAlone};

const BOTH: [(&str, Neutral); 5] = [
    ("n", Number(1.0)),
    ("stop", Empty),
    ("presence_penalty", Number(0.0)),
    ("frequency_penalty", Number(0.0)),
    ("logit_bias", Empty),
];

const CHAT: [(&str, Neutral); 10] = [
    ("logprobs", False),
    ("top_logprobs", Number(0.0)),
    ("tools", Empty),
    ("tool_choice", NoTool),
    ("functions", Empty),
    ("function_call", NoTool),
    ("response_format", PlainText),
    ("modalities", TextAlone),
    ("audio", Nothing),
    ("prediction", Nothing),
];

const TEXT: [(&str, Neutral); 4] =
    [("logprobs", Nothing), ("best_of", Number(1.0)), ("echo", False), ("suffix", Nothing)];

impl Neutral {
    fn is(self, value: &Value) -> bool {
        match self {
            Number(number) => value.as_f64().is_some_and(|found| found as f32 == number),
            Empty => value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty),
            False => *value == Value::Bool(false),
            NoTool => matches!(value.as_str(), Some("none" | "auto")),
            PlainText => value.get("type").and_then(Value::as_str) == Some("text"),
            TextAlone => value.as_array().is_some_and(|all| all.iter().all(|one| one == "text")),
            Nothing => false,
        }
    }

    fn expected(self) -> String {
        match self {
            Number(number) => return number.to_string(),
            Empty | Nothing => "nothing, since it is not followed here",
            False => "false",
            NoTool => "none or auto",
            PlainText => "the type text",
            TextAlone => "text alone",
        }
        .to_owned()
    }
}

/// Refuses a field that holds more than its neutral value: an answer that silently is another than was asked for is worse than
/// none. Fields that are not known are left alone.
pub(super) fn check(kind: Kind, fields: &Fields<'_>) -> Result<(), Refusal> {
    let own = if kind == Kind::Chat { &CHAT[..] } else { &TEXT };
    let bad = BOTH.iter().chain(own).find(|(field, neutral)| fields.get(field).is_some_and(|value| !neutral.is(value)));
    bad.map_or(Ok(()), |(field, neutral)| Err(fields.wrong(field, neutral.expected())))
}

/// Refuses another value than the server's own.
pub(super) fn check_fixed(field: &str, own: f32, fields: &Fields<'_>) -> Result<(), Refusal> {
    match fields.get(field) {
        Some(value) if !Number(own).is(value) => {
            Err(fields.wrong(field, format!("{own}, which the server was started with")))
        }
        _ => Ok(()),
    }
}
