//! A request's body, read and checked.

use std::hash::{BuildHasher, Hasher, RandomState};

use arbitrage_core::{Message, Problem};
use arbitrage_router::Policy;
use serde_json::Value;

use super::choice::{Available, Choice};
use super::fields::{Fields, wrong};
use super::neutral;
use super::refusal::Refusal;

/// Which of the two kinds of completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Text,
}

/// What holds for all requests.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The model's name.
    pub name: String,
    /// What can be chosen.
    pub available: Available,
    /// How the models sample.
    pub temperature: f32,
    /// Likewise.
    pub top_p: f32,
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub kind: Kind,
    /// The name that the model was asked for by.
    pub model: String,
    /// Without an id.
    pub problem: Problem,
    pub choice: Choice,
    /// `None` for an answer in one piece.
    pub stream: Option<Streaming>,
}

/// How an answer is streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Streaming {
    /// Whether a last chunk says what was used.
    pub usage: bool,
}

impl Settings {
    /// The models' names: what chooses for itself, and each model alone.
    pub fn models(&self) -> [(String, Option<Policy>); 3] {
        let name = &self.name;
        let alone = |part, policy| (format!("{name}:{part}"), Some(policy));
        [(name.clone(), None), alone("draft", Policy::Draft), alone("target", Policy::Target)]
    }

    /// Reads a body.
    pub fn read(&self, kind: Kind, body: &[u8]) -> Result<Asked, Refusal> {
        let body: Value = serde_json::from_slice(body).map_err(|error| Refusal::Json(error.to_string()))?;
        let fields = Fields::new("", &body)?;
        let model = fields.text("model")?.ok_or_else(|| fields.wrong("model", "a model's name"))?;
        let (_, alone) =
            self.models().into_iter().find(|(name, _)| name == model).ok_or_else(|| self.unknown(model))?;
        neutral::check(kind, &fields)?;
        neutral::check_fixed("temperature", self.temperature, &fields)?;
        neutral::check_fixed("top_p", self.top_p, &fields)?;
        let problem = match kind {
            Kind::Chat => conversation(&fields)?,
            Kind::Text => Problem::new(prompt(&fields)?),
        };
        let problem = problem.with_seed(fields.seed("seed")?.unwrap_or_else(drawn));
        Ok(Asked {
            kind,
            model: model.to_owned(),
            problem: match most_tokens(kind, &fields)? {
                Some(most) => problem.with_most_tokens(most),
                None => problem,
            },
            choice: self.choice(alone, &fields)?,
            stream: streaming(&fields)?,
        })
    }

    /// The refusal of a model that there is not.
    pub fn unknown(&self, model: &str) -> Refusal {
        let known = self.models().map(|(name, _)| name).join(", ");
        Refusal::Model { found: model.chars().take(80).collect(), known }
    }

    /// The policy of the request, of the model that it names, or the usual one.
    fn choice(&self, alone: Option<Policy>, fields: &Fields<'_>) -> Result<Choice, Refusal> {
        const EXTENSION: [&str; 3] = ["policy", "tau", "budget"];
        let Some(own) = fields.object("arbitrage")? else {
            return self.checked("model", alone.unwrap_or(self.available.usual), None);
        };
        if let Some(unknown) = own.names().find(|name| !EXTENSION.contains(name)) {
            return Err(own.wrong(unknown, format!("one of {}", EXTENSION.join(", "))));
        }
        let named = own.text("policy")?;
        if let (Some(_), Some(_)) = (named, alone) {
            return Err(own.wrong("policy", "nothing, since the model's name chooses the policy"));
        }
        let refused = |field, error: &dyn std::fmt::Display| Refusal::Choice { field, reason: error.to_string() };
        let named = named.map(str::parse).transpose().map_err(|error| refused("arbitrage.policy", &error))?;
        let policy = named.or(alone).unwrap_or(self.available.usual);
        let budget = own.count("budget", 0)?;
        match own.number("tau")? {
            None => self.checked("arbitrage.policy", policy, budget),
            Some(tau) => {
                let policy = policy.with_threshold(tau).map_err(|error| refused("arbitrage.tau", &error))?;
                self.checked("arbitrage.tau", policy, budget)
            }
        }
    }

    fn checked(&self, field: &'static str, policy: Policy, budget: Option<usize>) -> Result<Choice, Refusal> {
        self.available.choose(policy, budget).map_err(|error| Refusal::Choice { field, reason: error.to_string() })
    }
}

fn streaming(fields: &Fields<'_>) -> Result<Option<Streaming>, Refusal> {
    let options = fields.object("stream_options")?;
    if fields.flag("stream")? != Some(true) {
        return match options {
            Some(_) => Err(fields.wrong("stream_options", "nothing unless `stream` is true")),
            None => Ok(None),
        };
    }
    let usage = options.map(|options| options.flag("include_usage")).transpose()?.flatten();
    Ok(Some(Streaming { usage: usage.unwrap_or(false) }))
}

fn most_tokens(kind: Kind, fields: &Fields<'_>) -> Result<Option<usize>, Refusal> {
    let old = fields.count("max_tokens", 1)?;
    let new = if kind == Kind::Chat { fields.count("max_completion_tokens", 1)? } else { None };
    match (old, new) {
        (Some(old), Some(new)) if old != new => {
            Err(fields.wrong("max_tokens", format!("nothing, or {new} as in `max_completion_tokens`")))
        }
        _ => Ok(new.or(old)),
    }
}

/// The prompt of a plain completion.
fn prompt<'a>(fields: &Fields<'a>) -> Result<&'a str, Refusal> {
    let expected = || fields.wrong("prompt", "a string, or an array of one");
    let prompt = match fields.get("prompt").ok_or_else(expected)? {
        Value::Array(items) => <&[Value; 1]>::try_from(items.as_slice()).ok().and_then(|[item]| item.as_str()),
        other => other.as_str(),
    };
    let prompt = prompt.ok_or_else(expected)?;
    if prompt.trim().is_empty() {
        return Err(fields.wrong("prompt", "a prompt that is not blank"));
    }
    Ok(prompt)
}

/// The last message is the question, those before it are what was said.
fn conversation(fields: &Fields<'_>) -> Result<Problem, Refusal> {
    let expected = "an array of messages, the last by the user";
    let items = fields.get("messages").and_then(Value::as_array).ok_or_else(|| fields.wrong("messages", expected))?;
    let messages = items.iter().enumerate().map(|(at, item)| message(at, item));
    let mut messages = messages.collect::<Result<Vec<_>, _>>()?;
    let Some(question) = messages.pop_if(|last| last.role == "user") else {
        let role = messages.last().map_or(Value::Null, |last| last.role.clone().into());
        return Err(wrong(format!("messages[{}].role", messages.len().saturating_sub(1)), "user, of the last", &role));
    };
    if question.content.trim().is_empty() {
        let content = format!("messages[{}].content", messages.len());
        return Err(wrong(content, "a question that is not blank", &question.content.into()));
    }
    Ok(Problem::new(question.content).with_context(messages))
}

fn message(at: usize, item: &Value) -> Result<Message, Refusal> {
    let name = format!("messages[{at}]");
    let fields = Fields::new(&name, item)?;
    let role = match fields.text("role")? {
        Some(role @ ("system" | "user" | "assistant")) => role,
        Some("developer") => "system",
        _ => return Err(fields.wrong("role", "system, developer, user or assistant")),
    };
    if fields.get("tool_calls").is_some() {
        return Err(fields.wrong("tool_calls", "nothing: there are no tools"));
    }
    let content = match fields.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().enumerate().map(|(part, value)| text_part(&name, part, value)).collect::<Result<_, _>>()?
        }
        _ => return Err(fields.wrong("content", "a string, or an array of text parts")),
    };
    Ok(Message { role: role.to_owned(), content })
}

fn text_part<'v>(message: &str, part: usize, value: &'v Value) -> Result<&'v str, Refusal> {
    let name = format!("{message}.content[{part}]");
    let fields = Fields::new(&name, value)?;
    match value.get("type").and_then(Value::as_str) {
        Some("text") => value.get("text").and_then(Value::as_str).ok_or_else(|| fields.wrong("text", "a string")),
        _ => Err(fields.wrong("type", "text: nothing else is read")),
    }
}

/// A seed that differs from request to request, small enough for every reader of JSON to keep.
fn drawn() -> u64 {
    unlike_others() >> 11
}

/// A number that no other call gives.
pub(super) fn unlike_others() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
#[path = "asked/tests.rs"]
mod tests;
