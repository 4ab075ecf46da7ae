//! The engine's side of the request queue.

use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use arbitrage_core::trace::StepRecord;
use arbitrage_core::{EngineError, Problem, ProblemSource, SequenceId, Solution, Stop, WhenEmpty};

use super::api_error::ApiError;
use super::event::{CompletedRequest, RequestEvent, StepEvent};
use super::queue::{QueuedRequest, RequestQueue, ServerPhase};

/// Decides whether an engine error is the request's own fault, such as a prompt that fits no model.
pub(super) type IsRequestError = Box<dyn Fn(&EngineError) -> bool + Send + Sync>;

/// Feeds the engine with queued requests, and sends its steps and results to the clients.
pub(super) struct EngineIntake {
    pub queue: Arc<RequestQueue>,
    pub is_request_error: IsRequestError,
}

impl EngineIntake {
    /// The end of a request, which is also counted.
    fn end(&self, result: Result<Solution, EngineError>) -> Result<Box<CompletedRequest>, ApiError> {
        let metrics = &self.queue.metrics;
        match result {
            Ok(solution) => {
                metrics.count_solution(stop_label(solution.stop));
                Ok(Box::new(CompletedRequest::new(&solution)))
            }
            Err(error) if (self.is_request_error)(&error) => {
                metrics.count_solution("unfit");
                Err(ApiError::InvalidPrompt(error.to_string()))
            }
            Err(error) => {
                metrics.count_solution("failed");
                Err(ApiError::EngineFailed(error.to_string()))
            }
        }
    }
}

impl ProblemSource for EngineIntake {
    fn next(&mut self, when_empty: WhenEmpty) -> Option<(SequenceId, Problem)> {
        let queue = &self.queue;
        let mut state = queue.lock();
        loop {
            if state.phase >= ServerPhase::Aborted {
                state.waiting.drain(..).for_each(|queued| queue.abort(&queued.client));
            }
            while let Some(QueuedRequest { problem, mut client }) = state.waiting.pop_front() {
                if queue.is_cancelled(&client) {
                    continue;
                }
                let id = SequenceId::fresh();
                client.started = Some(Instant::now());
                queue.metrics.queue_seconds.observe(client.submitted.elapsed().as_secs_f64());
                state.in_flight.insert(id, client);
                queue.update_gauges(&state);
                return Some((id, problem));
            }
            queue.update_gauges(&state);
            if when_empty == WhenEmpty::Return || state.phase != ServerPhase::Open {
                return None;
            }
            state = queue.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_cancelled(&mut self, id: SequenceId) -> bool {
        let queue = &self.queue;
        let mut state = queue.lock();
        let Some(client) = state.in_flight.get(&id) else { return true };
        if state.phase >= ServerPhase::Aborted {
            queue.abort(client);
        } else if !queue.is_cancelled(client) {
            return false;
        }
        state.in_flight.remove(&id);
        queue.update_gauges(&state);
        true
    }

    fn committed(&mut self, id: SequenceId, record: &StepRecord) {
        let queue = &self.queue;
        queue.metrics.count_step(record);
        let mut state = queue.lock();
        if let Some(client) = state.in_flight.get_mut(&id) {
            if !std::mem::replace(&mut client.has_first_step, true) {
                queue.metrics.first_step_seconds.observe(client.submitted.elapsed().as_secs_f64());
            }
            client.send(RequestEvent::Step(StepEvent::new(record)));
        }
    }

    fn finished(&mut self, id: SequenceId, result: Result<Solution, EngineError>) -> ControlFlow<()> {
        let end = self.end(result);
        let queue = &self.queue;
        let mut state = queue.lock();
        if let Some(client) = state.in_flight.remove(&id) {
            state.observe_seconds(client.started.map_or(0.0, |started| started.elapsed().as_secs_f64()));
            queue.metrics.request_seconds.observe(client.submitted.elapsed().as_secs_f64());
            queue.update_gauges(&state);
            client.send(RequestEvent::End(end));
        }
        ControlFlow::Continue(())
    }
}

/// The metric label of a solution's end.
fn stop_label(stop: Stop) -> &'static str {
    match stop {
        Stop::EndOfText => "end_of_text",
        Stop::Steps => "steps",
        Stop::Tokens => "tokens",
        Stop::Blank => "blank",
        Stop::Repetition => "repetition",
        Stop::Context => "context",
        _ => "other",
    }
}
