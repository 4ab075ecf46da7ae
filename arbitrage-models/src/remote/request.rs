//! What is asked of a route that writes.

use arbitrage_core::Message;
use serde_json::{Map, Value, json};

use super::dialect::{Continuation, Dialect, Route, Setting, Shape};
use crate::sampler::Sampling;

/// The request for the rest of a step.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub model: &'a str,
    pub prompt: Prompted,
    pub max_tokens: usize,
    pub sampling: &'a Sampling,
    pub seed: u32,
    pub logprobs: bool,
    /// `None` to stream without them.
    pub stops: Option<&'a [String]>,
    pub extra: &'a Map<String, Value>,
}

/// What is to be gone on with.
#[derive(Debug)]
pub(super) enum Prompted {
    /// A text, and whether it has its special tokens already.
    Text { text: String, special: bool },
    /// A conversation, and what the assistant has said so far.
    Messages { messages: Vec<Message>, answer: String },
}

impl Asked<'_> {
    /// The body, in `dialect`, for its `route`.
    pub fn body(self, dialect: &Dialect, route: &Route) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("model".to_owned(), self.model.into());
        match self.prompt {
            Prompted::Text { text, special } => {
                body.insert("prompt".to_owned(), text.into());
                if let Some(field) = dialect.specials.filter(|_| special) {
                    body.insert(field.to_owned(), false.into());
                }
            }
            Prompted::Messages { messages, answer } => add_messages(&mut body, messages, answer, dialect.continuation),
        }
        let most = if route.shape == Shape::Native { "n_predict" } else { "max_tokens" };
        body.insert(most.to_owned(), self.max_tokens.into());
        add_sampling(&mut body, self.sampling, self.seed, dialect);
        if self.logprobs {
            add(&mut body, route.logprobs);
        }
        match self.stops {
            Some(stops) => _ = body.insert("stop".to_owned(), stops.into()),
            None => {
                body.insert("stream".to_owned(), true.into());
                add(&mut body, route.counts);
            }
        }
        body.extend(self.extra.iter().map(|(name, value)| (name.clone(), value.clone())));
        body
    }
}

/// Adds fields that a dialect names, each with its value.
pub(super) fn add(body: &mut Map<String, Value>, settings: &[(&str, Setting)]) {
    for (name, setting) in settings {
        let value = match *setting {
            Setting::Flag(flag) => flag.into(),
            Setting::Count(count) => count.into(),
            Setting::Number(number) => number.into(),
            Setting::Text(text) => text.into(),
            Setting::Flags(flags) => {
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

/// Every parameter is sent, since what a server takes for its default may be anything, and comes with some models' files.
fn add_sampling(body: &mut Map<String, Value>, sampling: &Sampling, seed: u32, dialect: &Dialect) {
    let short = |number: f32| Value::from((f64::from(number) * 1e6).round() / 1e6);
    body.insert("temperature".to_owned(), short(sampling.temperature));
    add(body, dialect.sampling.neutral);
    if sampling.is_greedy() {
        body.insert("temperature".to_owned(), 0.into());
        return;
    }
    body.insert("seed".to_owned(), seed.into());
    if sampling.top_p < 1.0 || dialect.sampling.whole_top_p {
        body.insert("top_p".to_owned(), short(sampling.top_p));
    }
    if let Some(all) = dialect.sampling.top_k_of_all {
        let kept = if sampling.top_k == 0 { Value::from(all) } else { sampling.top_k.into() };
        body.insert("top_k".to_owned(), kept);
        body.insert("min_p".to_owned(), short(sampling.min_p));
    }
}
