//! The events of a request, as they are sent to its client.

use arbitrage_core::trace::StepRecord;
use arbitrage_core::{Author, Solution, Stop, Usage};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::api_error::ApiError;

/// An event of a request.
#[derive(Clone, Debug)]
pub(super) enum RequestEvent {
    /// The engine has committed a step.
    Step(StepEvent),
    /// The request has ended. No event follows.
    End(Result<Box<CompletedRequest>, ApiError>),
}

/// A committed step.
#[derive(Clone, Debug)]
pub(super) struct StepEvent {
    pub index: usize,
    pub author: Author,
    pub text: String,
    pub tokens: usize,
    pub estimate: Option<f32>,
}

impl StepEvent {
    pub(crate) fn new(record: &StepRecord) -> Self {
        let step = record.step();
        Self {
            index: record.index,
            author: record.author,
            text: step.map_or_else(String::new, |step| step.text.clone()),
            tokens: step.map_or(0, arbitrage_core::Step::token_count),
            estimate: record.decision.estimate,
        }
    }

    /// The step's author and the router's estimate, without the text.
    pub(crate) fn to_json(&self) -> Value {
        let mut json = json!({"step": self.index, "author": self.author, "tokens": self.tokens});
        if let Some(estimate) = self.estimate {
            json["estimate"] = estimate.into();
        }
        json
    }
}

/// How a solution ended, and what it cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct CompletedRequest {
    pub stop: Stop,
    pub usage: Usage,
    /// Prompt tokens as counted by the author of the first step, or 0 where that model counts none.
    pub prompt_tokens: usize,
}

impl CompletedRequest {
    pub(crate) fn new(solution: &Solution) -> Self {
        let first = solution.steps.first().map(|accepted| accepted.step.cost);
        let prompt_tokens = first.map_or(0, |cost| cost.prefilled + cost.cached);
        Self { stop: solution.stop, usage: solution.usage, prompt_tokens }
    }

    /// OpenAI's finish reason: `stop` where the model ended the text, and `length` where a limit did. The `arbitrage` field of the
    /// response names the limit.
    pub(crate) fn finish_reason(&self) -> &'static str {
        if self.stop == Stop::EndOfText { "stop" } else { "length" }
    }
}

/// Receives the events of one request in order. Dropping it cancels the request.
pub(super) struct EventReceiver {
    /// An event that was put back, which is received before the others.
    first: Option<RequestEvent>,
    rest: UnboundedReceiver<RequestEvent>,
}

impl EventReceiver {
    pub(crate) fn new(rest: UnboundedReceiver<RequestEvent>) -> Self {
        Self { first: None, rest }
    }

    /// The next event. Where the engine has dropped the request without ending it, the event is an error.
    pub(crate) async fn next(&mut self) -> RequestEvent {
        if let Some(first) = self.first.take() {
            return first;
        }
        let dropped = || RequestEvent::End(Err(ApiError::EngineFailed("the engine has stopped".to_owned())));
        self.rest.recv().await.unwrap_or_else(dropped)
    }

    /// Puts an event back, so that it is received next.
    pub(crate) fn put_back(&mut self, event: RequestEvent) {
        self.first = Some(event);
    }
}
