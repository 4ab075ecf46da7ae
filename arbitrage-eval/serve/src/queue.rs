//! The queue between HTTP and the engine: waiting requests, and the requests in flight with the channels to their clients.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arbitrage_core::{Problem, SequenceId};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::api_error::ApiError;
use super::event::{EventReceiver, RequestEvent};
use super::metrics::ServerMetrics;
use super::policies::PolicyChoice;

/// The waiting requests, first come, first served, and those in flight. HTTP handlers append requests and the engine's thread takes them;
/// both hold the lock only briefly.
pub(super) struct RequestQueue {
    state: Mutex<QueueState>,
    pub(super) changed: Condvar,
    pub(super) metrics: Arc<ServerMetrics>,
}

/// The phase of the server's life. Phases only advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ServerPhase {
    /// Requests are accepted.
    Open,
    /// New requests are refused, and accepted ones are finished.
    Draining,
    /// Unfinished requests are aborted.
    Aborted,
    /// The engine has ended.
    Ended,
}

pub(super) struct QueueState {
    pub phase: ServerPhase,
    /// Most requests that may wait.
    capacity: usize,
    /// Most sequences that the engine has in flight.
    max_in_flight: usize,
    pub waiting: VecDeque<QueuedRequest>,
    pub in_flight: HashMap<SequenceId, RequestClient>,
    /// Moving average of the seconds that a request spends in the engine.
    mean_seconds: f64,
}

impl QueueState {
    /// Notes that a request spent `seconds` in the engine.
    pub(crate) fn observe_seconds(&mut self, seconds: f64) {
        self.mean_seconds = if self.mean_seconds == 0.0 { seconds } else { 0.9 * self.mean_seconds + 0.1 * seconds };
    }

    fn queue_full(&self) -> ApiError {
        let waiting = self.waiting.len();
        let seconds = self.mean_seconds * waiting as f64 / self.max_in_flight as f64;
        ApiError::QueueFull { waiting, seconds: (seconds.ceil() as u64).clamp(1, 60) }
    }
}

pub(super) struct QueuedRequest {
    pub problem: Problem,
    pub client: RequestClient,
}

/// The server's side of one request. Its channel is unbounded, since a client that does not read leaves at most one event a step in it.
pub(super) struct RequestClient {
    choice: PolicyChoice,
    events: UnboundedSender<RequestEvent>,
    pub submitted: Instant,
    /// When the engine took the request.
    pub started: Option<Instant>,
    pub has_first_step: bool,
}

impl RequestClient {
    fn is_disconnected(&self) -> bool {
        self.events.is_closed()
    }

    /// Sends an event. It fails where the client has disconnected, which the engine notices before its next step.
    pub(crate) fn send(&self, event: RequestEvent) {
        self.events.send(event).ok();
    }
}

impl RequestQueue {
    pub(crate) fn new(capacity: usize, metrics: Arc<ServerMetrics>) -> Self {
        metrics.queue_capacity.set(capacity as i64);
        let (waiting, in_flight) = Default::default();
        let state =
            QueueState { phase: ServerPhase::Open, capacity, max_in_flight: 1, waiting, in_flight, mean_seconds: 0.0 };
        Self { state: Mutex::new(state), changed: Condvar::new(), metrics }
    }

    /// Sets how many requests may wait.
    pub(crate) fn set_capacity(&self, capacity: usize) {
        self.metrics.queue_capacity.set(capacity as i64);
        self.lock().capacity = capacity;
    }

    /// Sets how many sequences the engine has in flight at most, from which the time in `Retry-After` is estimated.
    pub(crate) fn set_max_in_flight(&self, sequences: usize) {
        self.lock().max_in_flight = sequences.max(1);
    }

    /// Appends a request to the queue.
    pub(crate) fn submit(&self, problem: Problem, choice: PolicyChoice) -> Result<EventReceiver, ApiError> {
        let mut state = self.lock();
        if state.phase != ServerPhase::Open {
            return Err(ApiError::ShuttingDown);
        }
        if state.waiting.len() >= state.capacity {
            // Disconnected clients must not fill the queue.
            state.waiting.retain(|queued| !self.is_cancelled(&queued.client));
        }
        if state.waiting.len() >= state.capacity {
            return Err(state.queue_full());
        }
        let (events, receiver) = unbounded_channel();
        let client = RequestClient { choice, events, submitted: Instant::now(), started: None, has_first_step: false };
        state.waiting.push_back(QueuedRequest { problem, client });
        self.update_gauges(&state);
        self.changed.notify_one();
        Ok(EventReceiver::new(receiver))
    }

    /// The policy choice of a sequence in flight.
    pub(crate) fn choice(&self, id: SequenceId) -> Option<PolicyChoice> {
        self.lock().in_flight.get(&id).map(|client| client.choice)
    }

    /// The current phase.
    pub(crate) fn phase(&self) -> ServerPhase {
        self.lock().phase
    }

    /// Advances to `phase`, unless the server is past it. [`ServerPhase::Ended`] drops all requests, which ends them with an error.
    pub(crate) fn advance_to(&self, phase: ServerPhase) {
        let mut state = self.lock();
        state.phase = state.phase.max(phase);
        if phase == ServerPhase::Ended {
            state.waiting.clear();
            state.in_flight.clear();
            self.update_gauges(&state);
        }
        self.changed.notify_all();
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn update_gauges(&self, state: &QueueState) {
        self.metrics.queue_length.set(state.waiting.len() as i64);
        self.metrics.in_flight.set(state.in_flight.len() as i64);
    }

    /// Whether the client has disconnected. If so it is counted as cancelled, so callers must drop it.
    pub(crate) fn is_cancelled(&self, client: &RequestClient) -> bool {
        let disconnected = client.is_disconnected();
        if disconnected {
            self.metrics.count_solution("cancelled");
        }
        disconnected
    }

    /// Ends a request because the server shuts down.
    pub(crate) fn abort(&self, client: &RequestClient) {
        client.send(RequestEvent::End(Err(ApiError::ShuttingDown)));
        self.metrics.count_solution(ABORTED);
    }
}

/// The metric label of requests that a shutdown aborted.
pub(super) const ABORTED: &str = "stopped";
