//! What happens to a request, as its client is told.

use arbitrage_core::trace::StepRecord;
use arbitrage_core::{Author, Solution, Stop, Usage};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::refusal::Refusal;

/// What happens to a request.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A step was written.
    Step(Written),
    /// It has ended.
    End(Result<Box<Ended>, Refusal>),
}

/// A committed step.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub index: usize,
    pub author: Author,
    pub text: String,
    pub tokens: usize,
    pub estimate: Option<f32>,
}

impl Written {
    /// The step of `record`.
    pub fn new(record: &StepRecord) -> Self {
        let step = record.step();
        Self {
            index: record.index,
            author: record.author,
            text: step.map_or_else(String::new, |step| step.text.clone()),
            tokens: step.map_or(0, arbitrage_core::Step::token_count),
            estimate: record.decision.estimate,
        }
    }

    /// Who wrote it, and why.
    pub fn to_json(&self) -> Value {
        let mut json = json!({"step": self.index, "author": self.author, "tokens": self.tokens});
        if let Some(estimate) = self.estimate {
            json["estimate"] = estimate.into();
        }
        json
    }
}

/// How a solution ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub stop: Stop,
    pub usage: Usage,
    /// Tokens of the prompt, as the first step's writer counts them; 0 where it does not.
    pub prompt_tokens: usize,
}

impl Ended {
    /// The end of `solution`.
    pub fn new(solution: &Solution) -> Self {
        let first = solution.steps.first().map(|accepted| accepted.step.cost);
        let prompt_tokens = first.map_or(0, |cost| cost.prefilled + cost.cached);
        Self { stop: solution.stop, usage: solution.usage, prompt_tokens }
    }

    /// OpenAI's reason: `stop` where the text was ended by its writer, `length` where it was cut. Which limit cut it is in the
    /// extension.
    pub fn reason(&self) -> &'static str {
        if self.stop == Stop::EndOfText { "stop" } else { "length" }
    }
}

/// What happens to one request, in order. Dropping it gives the request up.
pub(super) struct Events {
    first: Option<Event>,
    rest: UnboundedReceiver<Event>,
}

impl Events {
    pub fn new(rest: UnboundedReceiver<Event>) -> Self {
        Self { first: None, rest }
    }

    /// The next event. A request that is lost, since the engine has fallen, ends with that.
    pub async fn next(&mut self) -> Event {
        if let Some(first) = self.first.take() {
            return first;
        }
        let lost = || Event::End(Err(Refusal::Failed("the engine has stopped".to_owned())));
        self.rest.recv().await.unwrap_or_else(lost)
    }

    /// Puts an event back in front.
    pub fn put_back(&mut self, event: Event) {
        self.first = Some(event);
    }
}
