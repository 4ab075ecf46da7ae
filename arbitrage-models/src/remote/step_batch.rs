//! The steps of one call, all in flight together.
//!
//! The client's thread sends and receives. This side reads answers and cuts text, since the segmenter is only borrowed for the call.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use arbitrage_core::{BoxError, Finish, Prefix, StepResult, StepRule};
use serde_json::Value;

use super::answer;
use super::client::{InFlight, ResponseEvent, ServerRequest};
use super::error::RemoteError;
use super::model::OpenAiModel;
use super::request::GenerationRequest;
use super::step_builder::{AfterAnswer, StepBuilder};
use crate::sampler::Sampling;

/// The steps of one call, all in flight together.
pub(super) struct StepBatch<'a> {
    model: &'a OpenAiModel,
    rule: &'a StepRule<'a>,
    stops: Option<&'a [String]>,
    /// How each step is sampled.
    sampling: Vec<Sampling>,
    sender: Sender<(u64, ResponseEvent)>,
    receiver: Receiver<(u64, ResponseEvent)>,
    last_id: u64,
    /// Requests in flight, by their ids.
    requests: HashMap<u64, StepRequest>,
}

/// A request in flight.
struct StepRequest {
    /// The index of its step.
    step: usize,
    /// Cancels the request when it is dropped.
    _in_flight: InFlight,
}

/// How a step ended, or why there is none.
type StepOutcome = Result<Finish, BoxError>;

impl<'a> StepBatch<'a> {
    pub(super) fn new(model: &'a OpenAiModel, rule: &'a StepRule<'a>) -> Self {
        let (sender, receiver) = channel();
        Self {
            model,
            rule,
            stops: model.stops(rule),
            sampling: Vec::new(),
            sender,
            receiver,
            last_id: 0,
            requests: HashMap::new(),
        }
    }

    /// A step for each prefix, in order; `sampling` says how the step of the prefix with this index is sampled.
    pub(super) fn run(mut self, prefixes: &[Prefix<'_>], sampling: impl Fn(usize) -> Sampling) -> Vec<StepResult> {
        let start = Instant::now();
        self.sampling = (0..prefixes.len()).map(sampling).collect();
        let mut builders: Vec<_> = prefixes.iter().map(|prefix| StepBuilder::new(*prefix, self.model.author)).collect();
        let mut outcomes: Vec<Option<StepOutcome>> = prefixes.iter().map(|_| None).collect();
        for (step, builder) in builders.iter_mut().enumerate() {
            outcomes[step] = self.send_request(step, builder, self.rule.max_tokens.max(1)).err().map(Err);
        }
        // This ends, since every request has a last event, after its timeout at the latest.
        while !self.requests.is_empty() {
            let Ok((id, event)) = self.receiver.recv() else { break };
            let Some(&StepRequest { step, .. }) = self.requests.get(&id) else { continue };
            if let Some(outcome) = self.handle(id, step, &mut builders[step], event) {
                self.requests.remove(&id);
                outcomes[step] = Some(outcome);
            }
        }
        self.into_steps(builders, outcomes, start)
    }

    /// Sends the request for the rest of a step.
    fn send_request(&mut self, step: usize, builder: &mut StepBuilder<'_>, max_tokens: usize) -> Result<(), BoxError> {
        let model = self.model;
        let request = GenerationRequest {
            model: &model.name,
            input: model.prompt_input(&builder.prefix, &builder.text)?,
            max_tokens,
            sampling: &self.sampling[step],
            seed: builder.next_seed(model.sampling.seed),
            logprobs: model.logprobs,
            stops: self.stops,
            extra: &model.extra,
        };
        let route = model.route();
        let body = serde_json::to_vec(&request.body(model.client.endpoint().dialect(), route))?;
        let (streamed, counters) = (self.stops.is_none(), model.counters.clone());
        builder.begin_request(max_tokens);
        self.last_id += 1;
        let request = ServerRequest { path: route.path, body, streamed, counters };
        let in_flight = model.client.start(request, self.last_id, &self.sender);
        self.requests.insert(self.last_id, StepRequest { step, _in_flight: in_flight });
        Ok(())
    }

    /// Applies an event to its step. Returns the step's outcome if that ends it.
    fn handle(
        &mut self,
        id: u64,
        step: usize,
        builder: &mut StepBuilder<'_>,
        event: ResponseEvent,
    ) -> Option<StepOutcome> {
        match event {
            ResponseEvent::Answer(value) => match self.read(&value) {
                Ok(chunk) => self.append(builder, chunk),
                Err(unexpected) => Some(Err(self.format_error(unexpected).into())),
            },
            ResponseEvent::Retrying => {
                builder.discard_answer();
                None
            }
            ResponseEvent::Complete => match builder.finish_answer(self.rule) {
                AfterAnswer::Complete(finish) => Some(Ok(finish)),
                AfterAnswer::Continue { max_tokens } => self.replace_request(id, step, builder, max_tokens),
            },
            ResponseEvent::Failed(error) => self.handle_failure(id, step, builder, error),
        }
    }

    fn read(&self, value: &Value) -> Result<answer::AnswerChunk, answer::UnexpectedValue> {
        let route = self.model.route();
        if self.stops.is_some() { answer::read_whole(value, route) } else { answer::read(value, route) }
    }

    /// Appends a chunk. The text of a stream is cut where the step ends; that of other answers when they are complete.
    fn append(&self, builder: &mut StepBuilder<'_>, chunk: answer::AnswerChunk) -> Option<StepOutcome> {
        let removed_stops = if self.model.route().text_includes_stop { None } else { self.stops };
        let is_last = chunk.end.is_some();
        builder.append(chunk, removed_stops.unwrap_or_default());
        if self.stops.is_some() || !builder.truncate_at_boundary(self.rule) {
            return None;
        }
        if !is_last {
            self.model.counters.closed_streams.add(1);
        }
        builder.finish_answer(self.rule);
        Some(Ok(Finish::Boundary))
    }

    /// Sends another request for the rest of a step, in place of request `id`.
    fn replace_request(
        &mut self,
        id: u64,
        step: usize,
        builder: &mut StepBuilder<'_>,
        max_tokens: usize,
    ) -> Option<StepOutcome> {
        self.requests.remove(&id);
        self.send_request(step, builder, max_tokens).err().map(Err)
    }

    /// If prompt and answer together do not fit the context, requests half as many tokens. If not even one token fits behind the text so
    /// far, the context is full.
    fn handle_failure(
        &mut self,
        id: u64,
        step: usize,
        builder: &mut StepBuilder<'_>,
        error: RemoteError,
    ) -> Option<StepOutcome> {
        let RemoteError::ContextFull { .. } = error else { return Some(Err(error.into())) };
        let half = builder.max_tokens() / 2;
        if half > 0 && self.model.client.endpoint().dialect().context_includes_max_tokens {
            builder.discard_answer();
            return self.replace_request(id, step, builder, half);
        }
        let has_text = !(builder.prefix.steps.is_empty() && builder.text.is_empty());
        Some(if has_text { Ok(Finish::Context) } else { Err(error.into()) })
    }

    fn format_error(&self, value: answer::UnexpectedValue) -> RemoteError {
        let endpoint = self.model.client.endpoint();
        endpoint.format_error(self.model.route().path, &value.field, value.expected, &value.found)
    }

    /// The steps, each with its share of the wall time.
    fn into_steps(
        self,
        builders: Vec<StepBuilder<'_>>,
        outcomes: Vec<Option<StepOutcome>>,
        start: Instant,
    ) -> Vec<StepResult> {
        let total: f64 = builders.iter().map(|builder| builder.elapsed().as_secs_f64()).sum();
        let time_scale = if total > 0.0 { start.elapsed().as_secs_f64() / total } else { 0.0 };
        let counters = &self.model.counters;
        let step = |(builder, outcome): (StepBuilder<'_>, Option<StepOutcome>)| {
            let finish = outcome.unwrap_or_else(|| Err(self.no_answer().into()))?;
            let (step, has_logprobs) = builder.into_step(finish, time_scale);
            counters.without_logprobs.add(usize::from(self.model.logprobs && !has_logprobs));
            counters.prompt_tokens.add(step.cost.prefilled + step.cost.cached);
            counters.cached_tokens.add(step.cost.cached);
            counters.written_tokens.add(step.cost.decoded);
            Ok(step)
        };
        builders.into_iter().zip(outcomes).map(step).collect()
    }

    fn no_answer(&self) -> RemoteError {
        let endpoint = self.model.client.endpoint().url().to_owned();
        RemoteError::Client { endpoint, cause: "there is no answer".to_owned() }
    }
}
