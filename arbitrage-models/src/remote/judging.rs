//! What a scorer and a router ask of a server: a head's outputs behind a text.

use std::sync::Arc;
use std::sync::mpsc::channel;

use arbitrage_core::{Prefix, Step};
use serde_json::{Map, Value};

use super::client::{Client, Event, Request};
use super::counters::Counters;
use super::dialect::{ScoreKind, ScoreRoute};
use super::error::RemoteError;
use super::request::add;
use crate::error::{Error, Result};
use crate::layout::{Layout, Score};
use crate::tokenizer::Tokenizer;

/// A model that judges, by one of a server's routes.
#[derive(Debug)]
pub(super) struct Judging {
    pub client: Client,
    pub model: String,
    pub layout: Layout,
    pub tokenizer: Option<Tokenizer>,
    pub extra: Map<String, Value>,
    pub counters: Arc<Counters>,
    route: &'static ScoreRoute,
}

/// A score, or why there is none. Typed errors of two kinds come together here: texts that cannot be laid out, and servers.
pub(super) type Scored = std::result::Result<f32, arbitrage_core::BoxError>;

impl Judging {
    pub fn new(client: Client, model: String, layout: Layout, kind: ScoreKind) -> Result<Self> {
        let dialect = client.endpoint().dialect();
        let Some(route) = dialect.score_route(kind) else {
            let known: Vec<_> = dialect.scoring.iter().map(|route| format!("{:?}", route.kind)).collect();
            let expected = format!("one that dialect `{}` has: {}", dialect.name, known.join(", "));
            return Err(Error::Parameter { name: "score route", expected, found: format!("{kind:?}") });
        };
        Ok(Self { client, model, layout, tokenizer: None, extra: Map::new(), counters: Arc::default(), route })
    }

    /// A score for each step, all in flight together. A step that gets none fails alone.
    pub fn scores(&self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Scored> {
        let (sender, receiver) = channel();
        let mut scores: Vec<Option<Scored>> = steps.iter().map(|_| None).collect();
        let mut calls = Vec::new();
        for (at, (prefix, step)) in steps.iter().enumerate() {
            match self.request(prefix, step) {
                Ok(request) => calls.push(self.client.start(request, at as u64, &sender)),
                Err(error) => scores[at] = Some(Err(error.into())),
            }
        }
        drop(sender);
        // Ends when every request has.
        for (at, event) in receiver {
            let outcome = match event {
                Event::Answer(value) => self.read(&value).map_err(Into::into),
                Event::Failed(error) => Err(error.into()),
                Event::Again | Event::End => continue,
            };
            scores[at as usize] = Some(outcome);
        }
        let lost = || RemoteError::Client { endpoint: self.endpoint(), cause: "no answer came".to_owned() };
        scores.into_iter().map(|score| score.unwrap_or_else(|| Err(lost().into()))).collect()
    }

    /// The address of the route.
    pub fn endpoint(&self) -> String {
        self.client.endpoint().address(self.route.path)
    }

    fn request(&self, prefix: &Prefix<'_>, step: &Step) -> Result<Request> {
        let mut body = Map::new();
        body.insert("model".to_owned(), self.model.as_str().into());
        let (text, tokens) = self.route.input;
        match &self.tokenizer {
            Some(tokenizer) => {
                let ids = self.layout.tokens(tokenizer, prefix, step)?;
                body.insert(tokens.to_owned(), ids.into());
            }
            None => {
                body.insert(text.to_owned(), self.layout.text(&self.model, prefix, step)?.into());
            }
        }
        add(&mut body, self.route.fixed);
        body.extend(self.extra.iter().map(|(name, value)| (name.clone(), value.clone())));
        let body = Value::Object(body).to_string().into_bytes();
        Ok(Request { path: self.route.path, body, streamed: false, counters: self.counters.clone() })
    }

    /// The score of the one result.
    fn read(&self, value: &Value) -> std::result::Result<f32, RemoteError> {
        self.count(value);
        let outputs = self.outputs(self.result(value)?)?;
        let wrong =
            |expected: String| Err(self.wrong(self.route.output, &expected, Some(&Value::from(outputs.clone()))));
        if outputs.iter().any(|output| !output.is_finite()) {
            return wrong("finite numbers".to_owned());
        }
        if let Err(Error::Parameter { expected, .. }) = self.layout.score.check(outputs.len()) {
            return wrong(expected);
        }
        if !self.route.probabilities {
            return Ok(self.layout.score.of(&outputs));
        }
        if outputs.iter().any(|output| !(0.0..=1.0).contains(output)) {
            return wrong("probabilities".to_owned());
        }
        Ok(match self.layout.score {
            Score::Softmax { class } => outputs[class],
            Score::Sigmoid => outputs[0],
        })
    }

    fn count(&self, value: &Value) {
        let count = |place: &str| value.pointer(place).and_then(Value::as_u64).unwrap_or(0) as usize;
        self.counters.prompt_tokens.add(count("/usage/prompt_tokens").max(count("/meta_info/prompt_tokens")));
        let cached = count("/usage/prompt_tokens_details/cached_tokens").max(count("/meta_info/cached_tokens"));
        self.counters.cached_tokens.add(cached);
    }

    /// One text was sent, so one result belongs to it.
    fn result<'v>(&self, value: &'v Value) -> std::result::Result<&'v Value, RemoteError> {
        let (field, place) = if self.route.listed { ("data", value.get("data")) } else { ("body", Some(value)) };
        let result = match place {
            Some(Value::Array(list)) => match list.as_slice() {
                [result] => result,
                _ => return Err(self.wrong(field, "one result", place)),
            },
            Some(result @ Value::Object(_)) if !self.route.listed => result,
            _ => return Err(self.wrong(field, "a list of one result", place)),
        };
        let index = result.get("index").and_then(Value::as_u64).unwrap_or(0);
        if index != 0 {
            return Err(self.wrong("index", "0", result.get("index")));
        }
        Ok(result)
    }

    /// The head's outputs for the last token: the last row of several, the last number where a head of one output gave a row of
    /// its tokens' values, or the row itself.
    fn outputs(&self, result: &Value) -> std::result::Result<Vec<f32>, RemoteError> {
        let field = result.get(self.route.output);
        let expected = "numbers, or rows of them";
        let list = field.and_then(Value::as_array).filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| self.wrong(self.route.output, expected, field))?;
        let row = match list.last() {
            Some(Value::Array(row)) if !row.is_empty() => row.as_slice(),
            _ if self.layout.score == Score::Sigmoid && !self.route.probabilities => &list[list.len() - 1..],
            _ => list.as_slice(),
        };
        let number = |value: &Value| value.as_f64().map(|number| number as f32);
        row.iter().map(number).collect::<Option<_>>().ok_or_else(|| self.wrong(self.route.output, expected, field))
    }

    fn wrong(&self, field: &str, expected: &str, found: Option<&Value>) -> RemoteError {
        let found = found.map(Value::to_string).unwrap_or_default();
        self.client.endpoint().format(self.route.path, field, expected, &found)
    }
}
