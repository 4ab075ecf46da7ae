//! Responses in OpenAI's shapes, with the author of each step in an additional field, `arbitrage`.

use std::time::{SystemTime, UNIX_EPOCH};

use arbitrage_core::{RoleUsage, Usage};
use serde_json::{Map, Value, json};

use super::event::{CompletedRequest, StepEvent};
use super::policies::PolicyChoice;
use super::request::{CompletionKind, CompletionRequest};

/// What all chunks of one response have in common.
#[derive(Clone, Debug)]
pub(super) struct ResponseBuilder {
    kind: CompletionKind,
    id: String,
    created: u64,
    model: String,
    choice: PolicyChoice,
    seed: u64,
}

impl ResponseBuilder {
    /// A response to `request` with the unique `id`.
    pub(crate) fn new(request: &CompletionRequest, id: String) -> Self {
        let (kind, model) = (request.kind, request.model.clone());
        Self { kind, id, created: unix_seconds(), model, choice: request.choice, seed: request.problem.seed }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    fn envelope(&self, object: &str, choices: Value) -> Value {
        json!({
            "id": self.id, "object": object, "created": self.created, "model": self.model, "choices": choices,
            "system_fingerprint": concat!("arbitrage-", env!("CARGO_PKG_VERSION")),
        })
    }

    /// The whole response, for requests without streaming.
    pub(crate) fn completion(&self, steps: &[StepEvent], end: &CompletedRequest) -> Value {
        let text: String = steps.iter().map(|step| step.text.as_str()).collect();
        let (object, content) = match self.kind {
            CompletionKind::Chat => {
                let message = json!({"role": "assistant", "content": text, "refusal": null});
                ("chat.completion", ChoiceContent { field: "message", value: message })
            }
            CompletionKind::Text => ("text_completion", ChoiceContent { field: "text", value: text.into() }),
        };
        let mut response = self.envelope(object, choices(content, end.finish_reason().into()));
        let mut extension = self.extension(end);
        let step = |step: &StepEvent| {
            let mut json = step.to_json();
            json["text"] = step.text.as_str().into();
            json
        };
        extension["steps"] = steps.iter().map(step).collect();
        response["usage"] = usage(end);
        response["arbitrage"] = extension;
        response
    }

    /// The chunk of one step.
    pub(crate) fn step_chunk(&self, step: &StepEvent) -> Value {
        let content = match (self.kind, step.index) {
            (CompletionKind::Chat, 0) => {
                ChoiceContent { field: "delta", value: json!({"role": "assistant", "content": step.text}) }
            }
            (CompletionKind::Chat, _) => ChoiceContent { field: "delta", value: json!({"content": step.text}) },
            (CompletionKind::Text, _) => ChoiceContent { field: "text", value: step.text.as_str().into() },
        };
        let mut chunk = self.envelope(self.chunk_object(), choices(content, Value::Null));
        chunk["arbitrage"] = step.to_json();
        chunk
    }

    /// The chunk after the last step, with the reason for the end.
    pub(crate) fn final_chunk(&self, end: &CompletedRequest) -> Value {
        let content = match self.kind {
            CompletionKind::Chat => ChoiceContent { field: "delta", value: json!({}) },
            CompletionKind::Text => ChoiceContent { field: "text", value: "".into() },
        };
        let mut chunk = self.envelope(self.chunk_object(), choices(content, end.finish_reason().into()));
        chunk["arbitrage"] = self.extension(end);
        chunk
    }

    /// The chunk with the usage, which has no choices, as OpenAI's.
    pub(crate) fn usage_chunk(&self, end: &CompletedRequest) -> Value {
        let mut chunk = self.envelope(self.chunk_object(), json!([]));
        chunk["usage"] = usage(end);
        chunk
    }

    fn chunk_object(&self) -> &'static str {
        if self.kind == CompletionKind::Chat { "chat.completion.chunk" } else { "text_completion" }
    }

    /// The `arbitrage` field of a whole response.
    fn extension(&self, end: &CompletedRequest) -> Value {
        let Usage { draft, target, router_seconds, .. } = end.usage;
        json!({
            "policy": self.choice.policy, "budget": self.choice.budget, "handover": self.choice.handover, "seed": self.seed, "stop": end.stop,
            "acceptance_by_steps": end.usage.acceptance_by_steps(),
            "draft": role_usage(&draft), "target": role_usage(&target), "router_seconds": router_seconds,
            "fallback_steps": end.usage.fallback_steps,
        })
    }
}

/// Seconds since 1970, or 0 where the clock is set to an earlier time.
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The field of a choice that has the text.
struct ChoiceContent {
    field: &'static str,
    value: Value,
}

/// The list of choices, of which there is always one.
fn choices(content: ChoiceContent, finish_reason: Value) -> Value {
    let mut choice = Map::new();
    choice.insert("index".to_owned(), 0.into());
    choice.insert(content.field.to_owned(), content.value);
    choice.insert("logprobs".to_owned(), Value::Null);
    choice.insert("finish_reason".to_owned(), finish_reason);
    json!([choice])
}

fn usage(end: &CompletedRequest) -> Value {
    let completion = end.usage.draft.kept_tokens + end.usage.target.kept_tokens;
    json!({
        "prompt_tokens": end.prompt_tokens, "completion_tokens": completion,
        "total_tokens": end.prompt_tokens + completion,
    })
}

fn role_usage(usage: &RoleUsage) -> Value {
    json!({
        "calls": usage.calls, "prefilled": usage.prefilled, "cached": usage.cached, "decoded": usage.decoded,
        "kept_tokens": usage.kept_tokens, "seconds": usage.seconds,
    })
}
