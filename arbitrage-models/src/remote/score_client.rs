//! Scores from a server's routes, for scorers and routers.

use std::sync::Arc;
use std::sync::mpsc::channel;

use arbitrage_core::{Prefix, Step};
use serde_json::{Map, Value};

use super::client::{Client, ResponseEvent, ServerRequest};
use super::counters::Counters;
use super::dialect::{ScoreKind, ScoreRoute};
use super::error::RemoteError;
use super::model::refuse_control_names;
use super::request::insert_fields;
use crate::error::{Error, Result};
use crate::layout::{Layout, Score};
use crate::tokenizer::Tokenizer;

/// A model with a head for scores, behind one of a server's routes.
#[derive(Debug)]
pub(super) struct ScoreClient {
    pub client: Client,
    pub model: String,
    pub layout: Layout,
    pub tokenizer: Option<Tokenizer>,
    pub extra: Map<String, Value>,
    pub counters: Arc<Counters>,
    route: &'static ScoreRoute,
}

/// A score, or an [`Error`] if the text cannot be laid out, or a [`RemoteError`].
pub(super) type ScoreResult = std::result::Result<f32, arbitrage_core::BoxError>;

impl ScoreClient {
    pub(super) fn new(client: Client, model: String, layout: Layout, kind: ScoreKind) -> Result<Self> {
        let dialect = client.endpoint().dialect();
        let Some(route) = dialect.score_route(kind) else {
            let known: Vec<_> = dialect.scoring.iter().map(|route| format!("{:?}", route.kind)).collect();
            let expected = format!("one that dialect `{}` has: {}", dialect.name, known.join(", "));
            return Err(Error::Parameter { name: "score route", expected, found: format!("{kind:?}") });
        };
        Ok(Self { client, model, layout, tokenizer: None, extra: Map::new(), counters: Arc::default(), route })
    }

    /// A score for each step, all in flight together. A step without a score fails alone.
    pub(super) fn scores(&self, steps: &[(Prefix<'_>, &Step)]) -> Vec<ScoreResult> {
        let (sender, receiver) = channel();
        let mut scores: Vec<Option<ScoreResult>> = steps.iter().map(|_| None).collect();
        let mut requests = Vec::new();
        for (at, (prefix, step)) in steps.iter().enumerate() {
            match self.request(prefix, step) {
                Ok(request) => requests.push(self.client.start(request, at as u64, &sender)),
                Err(error) => scores[at] = Some(Err(error.into())),
            }
        }
        drop(sender);
        // Ends when every request has ended and dropped its sender.
        for (at, event) in receiver {
            let outcome = match event {
                ResponseEvent::Answer(value) => self.read(&value).map_err(Into::into),
                ResponseEvent::Failed(error) => Err(error.into()),
                ResponseEvent::Retrying | ResponseEvent::Complete => continue,
            };
            scores[at as usize] = Some(outcome);
        }
        let missing = || RemoteError::Client { endpoint: self.endpoint(), cause: "there is no answer".to_owned() };
        scores.into_iter().map(|score| score.unwrap_or_else(|| Err(missing().into()))).collect()
    }

    /// The address of the route.
    pub(super) fn endpoint(&self) -> String {
        self.client.endpoint().address(self.route.path)
    }

    fn request(&self, prefix: &Prefix<'_>, step: &Step) -> Result<ServerRequest> {
        let mut body = Map::new();
        body.insert("model".to_owned(), self.model.as_str().into());
        match &self.tokenizer {
            Some(tokenizer) => {
                let ids = self.layout.tokens(tokenizer, prefix, step)?;
                body.insert(self.route.tokens_field.to_owned(), ids.into());
            }
            None => {
                let steps = prefix.steps.iter().map(|accepted| accepted.step.text.as_str());
                let texts = steps.chain([prefix.problem.question.as_str(), step.text.as_str()]);
                texts.into_iter().try_for_each(refuse_control_names)?;
                body.insert(self.route.text_field.to_owned(), self.layout.text(&self.model, prefix, step)?.into());
            }
        }
        insert_fields(&mut body, self.route.fixed);
        body.extend(self.extra.iter().map(|(name, value)| (name.clone(), value.clone())));
        let body = Value::Object(body).to_string().into_bytes();
        Ok(ServerRequest { path: self.route.path, body, streamed: false, counters: self.counters.clone() })
    }

    /// The score in an answer.
    fn read(&self, value: &Value) -> std::result::Result<f32, RemoteError> {
        self.count(value);
        let outputs = self.outputs(self.result(value)?)?;
        let wrong = |expected: String| {
            Err(self.format_error(self.route.output, &expected, Some(&Value::from(outputs.clone()))))
        };
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
        let count = |pointer: &str| value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0) as usize;
        self.counters.prompt_tokens.add(count("/usage/prompt_tokens").max(count("/meta_info/prompt_tokens")));
        let cached = count("/usage/prompt_tokens_details/cached_tokens").max(count("/meta_info/cached_tokens"));
        self.counters.cached_tokens.add(cached);
    }

    /// The one result, since one text was sent.
    fn result<'v>(&self, value: &'v Value) -> std::result::Result<&'v Value, RemoteError> {
        let (field, results) =
            if self.route.results_in_data { ("data", value.get("data")) } else { ("body", Some(value)) };
        let result = match results {
            Some(Value::Array(list)) => match list.as_slice() {
                [result] => result,
                _ => return Err(self.format_error(field, "one result", results)),
            },
            Some(result @ Value::Object(_)) if !self.route.results_in_data => result,
            _ => return Err(self.format_error(field, "a list of one result", results)),
        };
        let index = result.get("index").and_then(Value::as_u64).unwrap_or(0);
        if index != 0 {
            return Err(self.format_error("index", "0", result.get("index")));
        }
        Ok(result)
    }

    /// The head's outputs for the last token: the last of several rows; or of a single row the last number, if the head has one output and
    /// the row has a number for each token; or the row itself.
    fn outputs(&self, result: &Value) -> std::result::Result<Vec<f32>, RemoteError> {
        let field = result.get(self.route.output);
        let expected = "numbers, or rows of them";
        let list = field.and_then(Value::as_array).filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| self.format_error(self.route.output, expected, field))?;
        let row = match list.last() {
            Some(Value::Array(row)) if !row.is_empty() => row.as_slice(),
            _ if self.layout.score == Score::Sigmoid && !self.route.probabilities => &list[list.len() - 1..],
            _ => list.as_slice(),
        };
        let number = |value: &Value| value.as_f64().map(|number| number as f32);
        row.iter()
            .map(number)
            .collect::<Option<_>>()
            .ok_or_else(|| self.format_error(self.route.output, expected, field))
    }

    fn format_error(&self, field: &str, expected: &str, found: Option<&Value>) -> RemoteError {
        let found = found.map(Value::to_string).unwrap_or_default();
        self.client.endpoint().format_error(self.route.path, field, expected, &found)
    }
}

/// Implements what a scorer and a router configure alike, for a type with a field `scores`.
macro_rules! score_client_options {
    ($type:ty) => {
        impl $type {
            /// Sends tokens instead of text, so that they are those of the model's training: separators are then tokens of their own, while
            /// a server that tokenizes text may merge them with what precedes them.
            pub fn with_tokenizer(mut self, tokenizer: $crate::tokenizer::Tokenizer) -> Self {
                self.scores.tokenizer = Some(tokenizer);
                self
            }

            /// Adds a field to every request; it replaces our own field of the same name.
            pub fn with_field(mut self, name: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
                self.scores.extra.insert(name.into(), value.into());
                self
            }

            /// Requests and tokens so far.
            pub fn counts(&self) -> $crate::remote::RequestCounts {
                self.scores.counters.read()
            }
        }
    };
}
pub(super) use score_client_options;
