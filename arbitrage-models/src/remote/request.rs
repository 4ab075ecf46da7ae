//! The request body of a route that generates text.

use arbitrage_core::Message;
use serde_json::{Map, Value, json};

use super::dialect::{AnswerFormat, Continuation, Dialect, FieldValue, GenerationRoute};
use crate::sampler::Sampling;

/// The request for the rest of a step.
#[derive(Debug)]
pub(super) struct GenerationRequest<'a> {
    pub model: &'a str,
    pub input: PromptInput,
    pub max_tokens: usize,
    pub sampling: &'a Sampling,
    pub seed: u32,
    pub logprobs: bool,
    /// `None` to stream without stop strings.
    pub stops: Option<&'a [String]>,
    pub extra: &'a Map<String, Value>,
}

/// What the model continues.
#[derive(Debug)]
pub(super) enum PromptInput {
    /// A text, and whether it has its special tokens already.
    Text { text: String, has_special_tokens: bool },
    /// A text as its ids, with its special tokens.
    Tokens(Vec<u32>),
    /// A conversation, and the assistant's answer so far.
    Messages { messages: Vec<Message>, answer: String },
}

impl GenerationRequest<'_> {
    /// The body, in `dialect`, for its `route`.
    pub(super) fn body(self, dialect: &Dialect, route: &GenerationRoute) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("model".to_owned(), self.model.into());
        match self.input {
            PromptInput::Text { text, has_special_tokens } => {
                body.insert("prompt".to_owned(), text.into());
                if let Some(field) = dialect.add_special_tokens.filter(|_| has_special_tokens) {
                    body.insert(field.to_owned(), false.into());
                }
            }
            PromptInput::Tokens(ids) => _ = body.insert("prompt".to_owned(), ids.into()),
            PromptInput::Messages { messages, answer } => {
                add_messages(&mut body, messages, answer, dialect.continuation)
            }
        }
        let limit = if route.format == AnswerFormat::Native { "n_predict" } else { "max_tokens" };
        body.insert(limit.to_owned(), self.max_tokens.into());
        add_sampling(&mut body, self.sampling, self.seed, dialect);
        if self.logprobs {
            insert_fields(&mut body, route.logprobs);
        }
        match self.stops {
            Some(stops) => _ = body.insert("stop".to_owned(), stops.into()),
            None => {
                body.insert("stream".to_owned(), true.into());
                insert_fields(&mut body, route.counts);
            }
        }
        body.extend(self.extra.iter().map(|(name, value)| (name.clone(), value.clone())));
        body
    }
}

/// Inserts fields with the values that a dialect has for them.
pub(super) fn insert_fields(body: &mut Map<String, Value>, fields: &[(&str, FieldValue)]) {
    for (name, value) in fields {
        let value = match *value {
            FieldValue::Flag(flag) => flag.into(),
            FieldValue::Count(count) => count.into(),
            FieldValue::Number(number) => number.into(),
            FieldValue::Text(text) => text.into(),
            FieldValue::Flags(flags) => {
                flags.iter().map(|(name, flag)| ((*name).to_owned(), Value::from(*flag))).collect()
            }
        };
        body.insert((*name).to_owned(), value);
    }
}

fn add_messages(body: &mut Map<String, Value>, messages: Vec<Message>, answer: String, continuation: Continuation) {
    let turn = |message: Message| json!({ "role": message.role, "content": message.content });
    let mut turns: Vec<Value> = messages.into_iter().map(turn).collect();
    if !answer.is_empty() {
        turns.push(turn(Message::assistant(answer)));
        if continuation == Continuation::Flags {
            body.insert("continue_final_message".to_owned(), true.into());
            body.insert("add_generation_prompt".to_owned(), false.into());
        }
    }
    body.insert("messages".to_owned(), turns.into());
}

/// Inserts every sampling parameter, since defaults differ between servers and may come from the model's files.
fn add_sampling(body: &mut Map<String, Value>, sampling: &Sampling, seed: u32, dialect: &Dialect) {
    let rounded = |number: f32| Value::from((f64::from(number) * 1e6).round() / 1e6);
    body.insert("temperature".to_owned(), rounded(sampling.temperature));
    insert_fields(body, dialect.sampling.neutral);
    if sampling.is_greedy() {
        body.insert("temperature".to_owned(), 0.into());
        return;
    }
    body.insert("seed".to_owned(), seed.into());
    if sampling.top_p < 1.0 || dialect.sampling.sends_top_p_of_one {
        body.insert("top_p".to_owned(), rounded(sampling.top_p));
    }
    if let Some(disabled) = dialect.sampling.disabled_top_k {
        let top_k = if sampling.top_k == 0 { Value::from(disabled) } else { sampling.top_k.into() };
        body.insert("top_k".to_owned(), top_k);
        body.insert("min_p".to_owned(), rounded(sampling.min_p));
    }
}
