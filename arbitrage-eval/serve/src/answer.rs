//! Answers in OpenAI's shapes, with who wrote what beside them.

use std::time::{SystemTime, UNIX_EPOCH};

use arbitrage_core::{RoleUsage, Usage};
use serde_json::{Map, Value, json};

use super::asked::{Asked, Kind};
use super::choice::Choice;
use super::event::{Ended, Written};

/// What all parts of one answer have in common.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    kind: Kind,
    id: String,
    created: u64,
    model: String,
    choice: Choice,
    seed: u64,
}

impl Answer {
    /// The answer to `asked`, under a name of its own.
    pub fn new(asked: &Asked, id: String) -> Self {
        let (kind, model) = (asked.kind, asked.model.clone());
        Self { kind, id, created: now(), model, choice: asked.choice, seed: asked.problem.seed }
    }

    /// The answer's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn envelope(&self, object: &str, choices: Value) -> Value {
        json!({
            "id": self.id, "object": object, "created": self.created, "model": self.model, "choices": choices,
            "system_fingerprint": concat!("arbitrage-", env!("CARGO_PKG_VERSION")),
        })
    }

    /// The whole answer, in one piece.
    pub fn whole(&self, steps: &[Written], end: &Ended) -> Value {
        let text: String = steps.iter().map(|step| step.text.as_str()).collect();
        let said = match self.kind {
            Kind::Chat => ("message", json!({"role": "assistant", "content": text, "refusal": null})),
            Kind::Text => ("text", text.into()),
        };
        let object = if self.kind == Kind::Chat { "chat.completion" } else { "text_completion" };
        let mut answer = self.envelope(object, choice(said, end.reason().into()));
        let mut told = self.told(end);
        let step = |step: &Written| {
            let mut json = step.to_json();
            json["text"] = step.text.as_str().into();
            json
        };
        told["steps"] = steps.iter().map(step).collect();
        answer["usage"] = usage(end);
        answer["arbitrage"] = told;
        answer
    }

    /// A chunk with one step, and who wrote it.
    pub fn chunk(&self, step: &Written) -> Value {
        let said = match (self.kind, step.index) {
            (Kind::Chat, 0) => ("delta", json!({"role": "assistant", "content": step.text})),
            (Kind::Chat, _) => ("delta", json!({"content": step.text})),
            (Kind::Text, _) => ("text", step.text.as_str().into()),
        };
        let mut chunk = self.envelope(self.piece(), choice(said, Value::Null));
        chunk["arbitrage"] = step.to_json();
        chunk
    }

    /// The chunk that says why the answer ends.
    pub fn last(&self, end: &Ended) -> Value {
        let said = if self.kind == Kind::Chat { ("delta", json!({})) } else { ("text", "".into()) };
        let mut chunk = self.envelope(self.piece(), choice(said, end.reason().into()));
        chunk["arbitrage"] = self.told(end);
        chunk
    }

    /// The chunk that says what was used, without choices, as OpenAI's.
    pub fn used(&self, end: &Ended) -> Value {
        let mut chunk = self.envelope(self.piece(), json!([]));
        chunk["usage"] = usage(end);
        chunk
    }

    fn piece(&self) -> &'static str {
        if self.kind == Kind::Chat { "chat.completion.chunk" } else { "text_completion" }
    }

    /// What is known of the whole.
    fn told(&self, end: &Ended) -> Value {
        let Usage { draft, target, router_seconds, .. } = end.usage;
        json!({
            "policy": self.choice.policy, "budget": self.choice.budget, "seed": self.seed, "stop": end.stop,
            "acceptance_by_steps": end.usage.acceptance_by_steps(),
            "draft": role(&draft), "target": role(&target), "router_seconds": router_seconds,
            "fallback_steps": end.usage.fallback_steps,
        })
    }
}

/// Seconds since 1970. A clock before that dates answers wrongly and does no other harm.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The one choice, which holds what is `said`.
fn choice((name, said): (&str, Value), reason: Value) -> Value {
    let mut choice = Map::new();
    choice.insert("index".to_owned(), 0.into());
    choice.insert(name.to_owned(), said);
    choice.insert("logprobs".to_owned(), Value::Null);
    choice.insert("finish_reason".to_owned(), reason);
    json!([choice])
}

fn usage(end: &Ended) -> Value {
    let completion = end.usage.draft.kept_tokens + end.usage.target.kept_tokens;
    json!({
        "prompt_tokens": end.prompt_tokens, "completion_tokens": completion,
        "total_tokens": end.prompt_tokens + completion,
    })
}

fn role(usage: &RoleUsage) -> Value {
    json!({
        "calls": usage.calls, "prefilled": usage.prefilled, "cached": usage.cached, "decoded": usage.decoded,
        "kept_tokens": usage.kept_tokens, "seconds": usage.seconds,
    })
}
