//! Where requests wait for the engine, and where it leaves what it has written.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arbitrage_core::trace::StepRecord;
use arbitrage_core::{EngineError, Intake, Problem, SequenceId, Solution, Stop};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::choice::Choice;
use super::event::{Ended, Event, Events, Written};
use super::metrics::Metrics;
use super::refusal::Refusal;

/// Says of an error whether the request is at fault: a prompt that no model can take.
pub(super) type Fault = Box<dyn Fn(&EngineError) -> bool + Send + Sync>;

/// The state of requests, first come first served, and those that are in flight. HTTP puts into it, the engine's thread takes
/// out; both hold it for moments only.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    metrics: Arc<Metrics>,
}

/// How far the server's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Requests are taken.
    Open,
    /// What was taken is finished.
    Draining,
    /// What is not finished is broken off.
    Aborted,
    /// The engine has ended.
    Ended,
}

struct State {
    phase: Phase,
    places: usize,
    in_flight: usize,
    waiting: VecDeque<Queued>,
    open: HashMap<SequenceId, Client>,
    /// Mean seconds of a request in the engine, of late.
    seconds: f64,
}

struct Queued {
    problem: Problem,
    client: Client,
}

/// Who waits for a solution. Events are few, one a step, so a client that does not read keeps no more than its solution.
struct Client {
    choice: Choice,
    events: UnboundedSender<Event>,
    since: Instant,
    begun: Option<Instant>,
    seen: bool,
}

impl Client {
    /// Whether nobody listens any longer.
    fn has_left(&self) -> bool {
        self.events.is_closed()
    }

    /// Tells the client. One that has left is found out at the next turn.
    fn tell(&self, event: Event) {
        self.events.send(event).ok();
    }
}

impl Queue {
    /// A queue with as many `places` to wait at.
    pub fn new(places: usize, metrics: Arc<Metrics>) -> Self {
        metrics.places.set(places as i64);
        let (waiting, open) = Default::default();
        let state = State { phase: Phase::Open, places, in_flight: 1, waiting, open, seconds: 0.0 };
        Self { state: Mutex::new(state), changed: Condvar::new(), metrics }
    }

    /// Sets how many may wait.
    pub fn set_places(&self, places: usize) {
        self.metrics.places.set(places as i64);
        self.lock().places = places;
    }

    /// Says how many the engine has in flight at most, for estimates of how long a client should wait.
    pub fn set_in_flight(&self, sequences: usize) {
        self.lock().in_flight = sequences.max(1);
    }

    /// Puts a request at the end of the state.
    pub fn submit(&self, problem: Problem, choice: Choice) -> Result<Events, Refusal> {
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return Err(Refusal::Stopping);
        }
        if state.waiting.len() >= state.places {
            // Whoever has left holds no place.
            state.waiting.retain(|queued| !self.gave_up(&queued.client));
        }
        if state.waiting.len() >= state.places {
            let waiting = state.waiting.len();
            let seconds = state.seconds * waiting as f64 / state.in_flight as f64;
            return Err(Refusal::Full { waiting, seconds: (seconds.ceil() as u64).clamp(1, 60) });
        }
        let (events, rest) = unbounded_channel();
        let client = Client { choice, events, since: Instant::now(), begun: None, seen: false };
        state.waiting.push_back(Queued { problem, client });
        self.measure(&state);
        self.changed.notify_one();
        Ok(Events::new(rest))
    }

    /// What was chosen for a sequence in flight.
    pub fn choice(&self, id: SequenceId) -> Option<Choice> {
        self.lock().open.get(&id).map(|client| client.choice)
    }

    /// How far the server's life has come.
    pub fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// Goes on to a later phase. At the end, whoever still waits is told that it is over.
    pub fn enter(&self, phase: Phase) {
        let mut state = self.lock();
        state.phase = state.phase.max(phase);
        if phase == Phase::Ended {
            state.waiting.clear();
            state.open.clear();
            self.measure(&state);
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measure(&self, state: &State) {
        self.metrics.waiting.set(state.waiting.len() as i64);
        self.metrics.in_flight.set(state.open.len() as i64);
    }

    /// Whether the client has left, which is counted once, by whoever drops it then.
    fn gave_up(&self, client: &Client) -> bool {
        let left = client.has_left();
        if left {
            self.metrics.ended("cancelled");
        }
        left
    }

    fn broke_off(&self, client: &Client) {
        client.tell(Event::End(Err(Refusal::Stopping)));
        self.metrics.ended("stopped");
    }
}

/// The engine's side of a queue.
pub(super) struct Worker {
    pub queue: Arc<Queue>,
    pub fault: Fault,
}

impl Worker {
    fn outcome(&self, answer: Result<Solution, EngineError>) -> Result<Box<Ended>, Refusal> {
        match answer {
            Ok(solution) => {
                self.queue.metrics.ended(name(solution.stop));
                Ok(Box::new(Ended::new(&solution)))
            }
            Err(error) if (self.fault)(&error) => {
                self.queue.metrics.ended("unfit");
                Err(Refusal::Unfit(error.to_string()))
            }
            Err(error) => {
                self.queue.metrics.ended("failed");
                Err(Refusal::Failed(error.to_string()))
            }
        }
    }
}

impl Intake for Worker {
    fn next(&mut self, idle: bool) -> Option<(SequenceId, Problem)> {
        let queue = &self.queue;
        let mut state = queue.lock();
        loop {
            if state.phase >= Phase::Aborted {
                state.waiting.drain(..).for_each(|queued| queue.broke_off(&queued.client));
            }
            while let Some(Queued { problem, mut client }) = state.waiting.pop_front() {
                if queue.gave_up(&client) {
                    continue;
                }
                let id = SequenceId::fresh();
                client.begun = Some(Instant::now());
                queue.metrics.queue_seconds.observe(client.since.elapsed().as_secs_f64());
                state.open.insert(id, client);
                queue.measure(&state);
                return Some((id, problem));
            }
            queue.measure(&state);
            if !idle || state.phase != Phase::Open {
                return None;
            }
            state = queue.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_cancelled(&mut self, id: SequenceId) -> bool {
        let queue = &self.queue;
        let mut state = queue.lock();
        let Some(client) = state.open.get(&id) else { return true };
        if state.phase >= Phase::Aborted {
            queue.broke_off(client);
        } else if !queue.gave_up(client) {
            return false;
        }
        state.open.remove(&id);
        queue.measure(&state);
        true
    }

    fn committed(&mut self, id: SequenceId, record: &StepRecord) {
        let queue = &self.queue;
        queue.metrics.stepped(record);
        let mut state = queue.lock();
        if let Some(client) = state.open.get_mut(&id) {
            if !std::mem::replace(&mut client.seen, true) {
                queue.metrics.first_step_seconds.observe(client.since.elapsed().as_secs_f64());
            }
            client.tell(Event::Step(Written::new(record)));
        }
    }

    fn finished(&mut self, id: SequenceId, answer: Result<Solution, EngineError>) -> ControlFlow<()> {
        let outcome = self.outcome(answer);
        let queue = &self.queue;
        let mut state = queue.lock();
        if let Some(client) = state.open.remove(&id) {
            let took = client.begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64());
            state.seconds = if state.seconds == 0.0 { took } else { 0.9 * state.seconds + 0.1 * took };
            queue.metrics.request_seconds.observe(client.since.elapsed().as_secs_f64());
            queue.measure(&state);
            client.tell(Event::End(outcome));
        }
        ControlFlow::Continue(())
    }
}

fn name(stop: Stop) -> &'static str {
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
