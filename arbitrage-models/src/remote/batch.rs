//! The steps of one call, all in flight.
//!
//! The client's thread sends and receives; this side reads answers and cuts text, since the segmenter lives no longer than the call.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use arbitrage_core::{BoxError, Finish, Prefix, StepResult, StepRule};
use serde_json::Value;

use super::answer;
use super::client::{Call, Event, Request};
use super::error::RemoteError;
use super::model::OpenAiModel;
use super::request::Asked;
use super::writing::{Next, Writing};

/// The steps of one call, all in flight.
pub(super) struct Batch<'a> {
    model: &'a OpenAiModel,
    rule: &'a StepRule<'a>,
    stops: Option<&'a [String]>,
    sender: Sender<(u64, Event)>,
    receiver: Receiver<(u64, Event)>,
    next: u64,
    /// Requests under way, by number, each with the place of its step.
    calls: HashMap<u64, (usize, Call)>,
}

/// A step that is written, or why it is not.
type Written = std::result::Result<Finish, BoxError>;

impl<'a> Batch<'a> {
    pub fn new(model: &'a OpenAiModel, rule: &'a StepRule<'a>) -> Self {
        let (sender, receiver) = channel();
        Self { model, rule, stops: model.stops(rule), sender, receiver, next: 0, calls: HashMap::new() }
    }

    /// A step for each prefix, in order.
    pub fn write(mut self, prefixes: &[Prefix<'_>]) -> Vec<StepResult> {
        let start = Instant::now();
        let mut writings: Vec<_> = prefixes.iter().map(|prefix| Writing::new(*prefix, self.model.author)).collect();
        let mut written: Vec<Option<Written>> = prefixes.iter().map(|_| None).collect();
        for (at, writing) in writings.iter_mut().enumerate() {
            written[at] = self.ask(at, writing, self.rule.max_tokens.max(1)).err().map(Err);
        }
        // Every request ends in an event, and its time is bounded.
        while !self.calls.is_empty() {
            let Ok((number, event)) = self.receiver.recv() else { break };
            let Some(&(at, _)) = self.calls.get(&number) else { continue };
            if let Some(outcome) = self.take(number, at, &mut writings[at], event) {
                self.calls.remove(&number);
                written[at] = Some(outcome);
            }
        }
        self.steps(writings, written, start)
    }

    /// Sends the request for the rest of a step.
    fn ask(&mut self, at: usize, writing: &mut Writing<'_>, room: usize) -> std::result::Result<(), BoxError> {
        let model = self.model;
        let asked = Asked {
            model: &model.name,
            prompt: model.prompted(&writing.prefix, &writing.text)?,
            max_tokens: room,
            sampling: &model.sampling,
            seed: writing.seed(model.sampling.seed),
            logprobs: model.logprobs,
            stops: self.stops,
            extra: &model.extra,
        };
        let route = model.route();
        let body = serde_json::to_vec(&asked.body(model.client.endpoint().dialect(), route))?;
        let (streamed, counters) = (self.stops.is_none(), model.counters.clone());
        writing.begin(room);
        self.next += 1;
        let request = Request { path: route.path, body, streamed, counters };
        self.calls.insert(self.next, (at, model.client.start(request, self.next, &self.sender)));
        Ok(())
    }

    /// What an event makes of a step: its end, if it is one.
    fn take(&mut self, number: u64, at: usize, writing: &mut Writing<'_>, event: Event) -> Option<Written> {
        match event {
            Event::Answer(value) => match self.read(&value) {
                Ok(piece) => self.add(writing, piece),
                Err(wrong) => Some(Err(self.format(wrong).into())),
            },
            Event::Again => {
                writing.again();
                None
            }
            Event::End => match writing.end(self.rule) {
                Next::Done(finish) => Some(Ok(finish)),
                Next::More(room) => self.go_on(number, at, writing, room),
            },
            Event::Failed(error) => self.fail(number, at, writing, error),
        }
    }

    fn read(&self, value: &Value) -> std::result::Result<answer::Piece, answer::Wrong> {
        let route = self.model.route();
        if self.stops.is_some() { answer::read_whole(value, route) } else { answer::read(value, route) }
    }

    /// Streams are cut where the step ends; other answers are whole anyway.
    fn add(&self, writing: &mut Writing<'_>, piece: answer::Piece) -> Option<Written> {
        let left_out = if self.model.route().keeps_stop { None } else { self.stops };
        let over = piece.ended.is_some();
        writing.add(piece, left_out.unwrap_or_default());
        if self.stops.is_some() || !writing.cut(self.rule) {
            return None;
        }
        if !over {
            self.model.counters.cut.add(1);
        }
        writing.end(self.rule);
        Some(Ok(Finish::Boundary))
    }

    fn go_on(&mut self, number: u64, at: usize, writing: &mut Writing<'_>, room: usize) -> Option<Written> {
        self.calls.remove(&number);
        self.ask(at, writing, room).err().map(Err)
    }

    /// Where prompt and answer together do not fit, half the answer is tried. Where not even a token fits behind what is written, the
    /// context is full.
    fn fail(&mut self, number: u64, at: usize, writing: &mut Writing<'_>, error: RemoteError) -> Option<Written> {
        let RemoteError::ContextFull { .. } = error else { return Some(Err(error.into())) };
        let less = writing.asked() / 2;
        if less > 0 && self.model.client.endpoint().dialect().counts_room {
            writing.again();
            return self.go_on(number, at, writing, less);
        }
        let begun = !(writing.prefix.steps.is_empty() && writing.text.is_empty());
        Some(if begun { Ok(Finish::Context) } else { Err(error.into()) })
    }

    fn format(&self, wrong: answer::Wrong) -> RemoteError {
        self.model.client.endpoint().format(self.model.route().path, &wrong.field, wrong.expected, &wrong.found)
    }

    /// The steps, each with its part of the wall time.
    fn steps(&self, writings: Vec<Writing<'_>>, written: Vec<Option<Written>>, start: Instant) -> Vec<StepResult> {
        let all: f64 = writings.iter().map(|writing| writing.took().as_secs_f64()).sum();
        let share = if all > 0.0 { start.elapsed().as_secs_f64() / all } else { 0.0 };
        let counters = &self.model.counters;
        let step = |(writing, outcome): (Writing<'_>, Option<Written>)| {
            let finish = outcome.unwrap_or_else(|| Err(self.lost().into()))?;
            let (step, fits) = writing.into_step(finish, share);
            counters.without_logprobs.add(usize::from(self.model.logprobs && !fits));
            counters.prompt_tokens.add(step.cost.prefilled + step.cost.cached);
            counters.cached_tokens.add(step.cost.cached);
            counters.written_tokens.add(step.cost.decoded);
            Ok(step)
        };
        writings.into_iter().zip(written).map(step).collect()
    }

    fn lost(&self) -> RemoteError {
        let endpoint = self.model.client.endpoint().url().to_owned();
        RemoteError::Client { endpoint, cause: "no answer came".to_owned() }
    }
}
