//! Parses and checks the body of a request.

use std::hash::{BuildHasher, Hasher, RandomState};

use arbitrage_core::router::HandoverRule;
use arbitrage_core::{Message, Problem};
use arbitrage_router::Policy;
use serde_json::Value;

use super::api_error::ApiError;
use super::json_fields::{Fields, invalid_field};
use super::policies::{Capabilities, PolicyChoice};
use super::unsupported_fields;

/// The kind of completion, which the path of the request decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CompletionKind {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Text,
}

/// The model that the server offers, and what requests to it may choose.
#[derive(Clone, Debug)]
pub(super) struct ServedModel {
    /// The model's name.
    pub name: String,
    /// The policies that requests may choose.
    pub capabilities: Capabilities,
    /// The temperature that the models sample with.
    pub temperature: f32,
    /// The share of probability that the models sample from.
    pub top_p: f32,
}

/// A valid request for a completion.
#[derive(Clone, Debug)]
pub(super) struct CompletionRequest {
    pub kind: CompletionKind,
    /// The model name that the request has.
    pub model: String,
    /// The problem, which has no id yet.
    pub problem: Problem,
    pub choice: PolicyChoice,
    /// `None` for a response in one piece.
    pub stream: Option<StreamOptions>,
}

/// How a response is streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamOptions {
    /// Whether the last chunk has the usage.
    pub include_usage: bool,
}

impl ServedModel {
    /// The names that requests may use, with the policy that each implies: the pair, and each of its models alone.
    pub(crate) fn models(&self) -> [(String, Option<Policy>); 3] {
        let name = &self.name;
        let single = |part, policy| (format!("{name}:{part}"), Some(policy));
        [(name.clone(), None), single("draft", Policy::Draft), single("target", Policy::Target)]
    }

    /// Parses the body of a request.
    pub(crate) fn parse(&self, kind: CompletionKind, body: &[u8]) -> Result<CompletionRequest, ApiError> {
        let body: Value = serde_json::from_slice(body).map_err(|error| ApiError::InvalidJson(error.to_string()))?;
        let fields = Fields::new("", &body)?;
        let model = fields.string("model")?.ok_or_else(|| fields.invalid("model", "a model's name"))?;
        let (_, implied) =
            self.models().into_iter().find(|(name, _)| name == model).ok_or_else(|| self.unknown_model(model))?;
        unsupported_fields::check_defaults(kind, &fields)?;
        unsupported_fields::check_fixed("temperature", self.temperature, &fields)?;
        unsupported_fields::check_fixed("top_p", self.top_p, &fields)?;
        let problem = match kind {
            CompletionKind::Chat => conversation(&fields)?,
            CompletionKind::Text => Problem::new(prompt(&fields)?),
        };
        let problem = problem.with_seed(fields.seed("seed")?.unwrap_or_else(random_seed));
        Ok(CompletionRequest {
            kind,
            model: model.to_owned(),
            problem: match max_tokens(kind, &fields)? {
                Some(max_tokens) => problem.with_max_tokens(max_tokens),
                None => problem,
            },
            choice: self.choice(implied, &fields)?,
            stream: stream_options(&fields)?,
        })
    }

    /// The error of a request for an unknown model.
    pub(crate) fn unknown_model(&self, model: &str) -> ApiError {
        let known = self.models().map(|(name, _)| name).join(", ");
        ApiError::UnknownModel { found: model.chars().take(80).collect(), known }
    }

    /// The policy that the request names, or that its model name implies, or else the default policy.
    fn choice(&self, implied: Option<Policy>, fields: &Fields<'_>) -> Result<PolicyChoice, ApiError> {
        const EXTENSION_FIELDS: [&str; 4] = ["policy", "tau", "budget", "handover"];
        let Some(extension) = fields.object("arbitrage")? else {
            return self.checked("model", implied.unwrap_or(self.capabilities.default_policy), None, None);
        };
        if let Some(unknown) = extension.names().find(|name| !EXTENSION_FIELDS.contains(name)) {
            return Err(extension.invalid(unknown, format!("one of {}", EXTENSION_FIELDS.join(", "))));
        }
        let named = extension.string("policy")?;
        if let (Some(_), Some(_)) = (named, implied) {
            return Err(extension.invalid("policy", "no value, since the model's name chooses the policy"));
        }
        let invalid =
            |field, error: &dyn std::fmt::Display| ApiError::InvalidPolicy { field, reason: error.to_string() };
        let named = named.map(str::parse).transpose().map_err(|error| invalid("arbitrage.policy", &error))?;
        let policy = named.or(implied).unwrap_or(self.capabilities.default_policy);
        let budget = extension.count("budget", 0)?;
        let handover = extension.string("handover")?.map(str::parse).transpose();
        let handover = handover.map_err(|error| invalid("arbitrage.handover", &error))?;
        match extension.number("tau")? {
            None => self.checked("arbitrage.policy", policy, budget, handover),
            Some(tau) => {
                let policy = policy.with_threshold(tau).map_err(|error| invalid("arbitrage.tau", &error))?;
                self.checked("arbitrage.tau", policy, budget, handover)
            }
        }
    }

    fn checked(
        &self,
        field: &'static str,
        policy: Policy,
        budget: Option<usize>,
        handover: Option<HandoverRule>,
    ) -> Result<PolicyChoice, ApiError> {
        self.capabilities
            .choose(policy, budget, handover)
            .map_err(|error| ApiError::InvalidPolicy { field, reason: error.to_string() })
    }
}

fn stream_options(fields: &Fields<'_>) -> Result<Option<StreamOptions>, ApiError> {
    let options = fields.object("stream_options")?;
    if fields.boolean("stream")? != Some(true) {
        return match options {
            Some(_) => Err(fields.invalid("stream_options", "no value unless `stream` is true")),
            None => Ok(None),
        };
    }
    let include_usage = options.map(|options| options.boolean("include_usage")).transpose()?.flatten();
    Ok(Some(StreamOptions { include_usage: include_usage.unwrap_or(false) }))
}

/// The limit on tokens. Chat requests may use the old or the new name of the field.
fn max_tokens(kind: CompletionKind, fields: &Fields<'_>) -> Result<Option<usize>, ApiError> {
    let old = fields.count("max_tokens", 1)?;
    let new = if kind == CompletionKind::Chat { fields.count("max_completion_tokens", 1)? } else { None };
    match (old, new) {
        (Some(old), Some(new)) if old != new => {
            Err(fields.invalid("max_tokens", format!("no value, or {new} as in `max_completion_tokens`")))
        }
        _ => Ok(new.or(old)),
    }
}

/// The prompt of a plain completion.
fn prompt<'a>(fields: &Fields<'a>) -> Result<&'a str, ApiError> {
    let expected = || fields.invalid("prompt", "a string, or an array of one");
    let prompt = match fields.get("prompt").ok_or_else(expected)? {
        Value::Array(items) => <&[Value; 1]>::try_from(items.as_slice()).ok().and_then(|[item]| item.as_str()),
        other => other.as_str(),
    };
    let prompt = prompt.ok_or_else(expected)?;
    if prompt.trim().is_empty() {
        return Err(fields.invalid("prompt", "a prompt that is not blank"));
    }
    Ok(prompt)
}

/// The conversation as a problem: the last message is the question, and the others are its context.
fn conversation(fields: &Fields<'_>) -> Result<Problem, ApiError> {
    let expected = "an array of messages, the last by the user";
    let items = fields.get("messages").and_then(Value::as_array).ok_or_else(|| fields.invalid("messages", expected))?;
    let messages = items.iter().enumerate().map(|(at, item)| message(at, item));
    let mut messages = messages.collect::<Result<Vec<_>, _>>()?;
    let Some(question) = messages.pop_if(|last| last.role == "user") else {
        let role = messages.last().map_or(Value::Null, |last| last.role.clone().into());
        let field = format!("messages[{}].role", messages.len().saturating_sub(1));
        return Err(invalid_field(field, "user in the last message", &role));
    };
    if question.content.trim().is_empty() {
        let content = format!("messages[{}].content", messages.len());
        return Err(invalid_field(content, "a question that is not blank", &question.content.into()));
    }
    Ok(Problem::new(question.content).with_context(messages))
}

fn message(at: usize, item: &Value) -> Result<Message, ApiError> {
    let name = format!("messages[{at}]");
    let fields = Fields::new(&name, item)?;
    let role = match fields.string("role")? {
        Some(role @ ("system" | "user" | "assistant")) => role,
        Some("developer") => "system",
        _ => return Err(fields.invalid("role", "system, developer, user or assistant")),
    };
    if fields.get("tool_calls").is_some() {
        return Err(fields.invalid("tool_calls", "no value, since the server has no tools"));
    }
    let content = match fields.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().enumerate().map(|(part, value)| text_part(&name, part, value)).collect::<Result<_, _>>()?
        }
        _ => return Err(fields.invalid("content", "a string, or an array of text parts")),
    };
    Ok(Message { role: role.to_owned(), content })
}

fn text_part<'v>(message: &str, part: usize, value: &'v Value) -> Result<&'v str, ApiError> {
    let name = format!("{message}.content[{part}]");
    let fields = Fields::new(&name, value)?;
    match value.get("type").and_then(Value::as_str) {
        Some("text") => value.get("text").and_then(Value::as_str).ok_or_else(|| fields.invalid("text", "a string")),
        _ => Err(fields.invalid("type", "text, the only type of content that the server supports")),
    }
}

/// A seed that differs between requests. It has 53 bits, so that JSON parsers that read numbers as doubles keep it exact.
fn random_seed() -> u64 {
    random_u64() >> 11
}

/// A random number, from the keys of the standard library's hash maps.
pub(super) fn random_u64() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests;
