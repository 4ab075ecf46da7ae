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

/// The line of requests, first come first served, and those that are in flight. HTTP puts into it, the engine's thread takes
/// out; both hold it for moments only.
pub(super) struct Desk {
    line: Mutex<Line>,
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

struct Line {
    phase: Phase,
    places: usize,
    in_flight: usize,
    waiting: VecDeque<Order>,
    open: HashMap<SequenceId, Client>,
    /// Mean seconds of a request in the engine, of late.
    seconds: f64,
}

struct Order {
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

impl Desk {
    /// A desk with as many `places` to wait at.
    pub fn new(places: usize, metrics: Arc<Metrics>) -> Self {
        metrics.places.set(places as i64);
        let (waiting, open) = Default::default();
        let line = Line { phase: Phase::Open, places, in_flight: 1, waiting, open, seconds: 0.0 };
        Self { line: Mutex::new(line), changed: Condvar::new(), metrics }
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

    /// Puts a request at the end of the line.
    pub fn submit(&self, problem: Problem, choice: Choice) -> Result<Events, Refusal> {
        let mut line = self.lock();
        if line.phase != Phase::Open {
            return Err(Refusal::Stopping);
        }
        if line.waiting.len() >= line.places {
            // Whoever has left holds no place.
            line.waiting.retain(|order| !self.gave_up(&order.client));
        }
        if line.waiting.len() >= line.places {
            let waiting = line.waiting.len();
            let seconds = line.seconds * waiting as f64 / line.in_flight as f64;
            return Err(Refusal::Full { waiting, seconds: (seconds.ceil() as u64).clamp(1, 60) });
        }
        let (events, rest) = unbounded_channel();
        let client = Client { choice, events, since: Instant::now(), begun: None, seen: false };
        line.waiting.push_back(Order { problem, client });
        self.measure(&line);
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
        let mut line = self.lock();
        line.phase = line.phase.max(phase);
        if phase == Phase::Ended {
            line.waiting.clear();
            line.open.clear();
            self.measure(&line);
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measure(&self, line: &Line) {
        self.metrics.waiting.set(line.waiting.len() as i64);
        self.metrics.in_flight.set(line.open.len() as i64);
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

/// The engine's side of a desk.
pub(super) struct Clerk {
    pub desk: Arc<Desk>,
    pub fault: Fault,
}

impl Clerk {
    fn outcome(&self, answer: Result<Solution, EngineError>) -> Result<Box<Ended>, Refusal> {
        match answer {
            Ok(solution) => {
                self.desk.metrics.ended(name(solution.stop));
                Ok(Box::new(Ended::new(&solution)))
            }
            Err(error) if (self.fault)(&error) => {
                self.desk.metrics.ended("unfit");
                Err(Refusal::Unfit(error.to_string()))
            }
            Err(error) => {
                self.desk.metrics.ended("failed");
                Err(Refusal::Failed(error.to_string()))
            }
        }
    }
}

impl Intake for Clerk {
    fn next(&mut self, idle: bool) -> Option<(SequenceId, Problem)> {
        let desk = &self.desk;
        let mut line = desk.lock();
        loop {
            if line.phase >= Phase::Aborted {
                line.waiting.drain(..).for_each(|order| desk.broke_off(&order.client));
            }
            while let Some(Order { problem, mut client }) = line.waiting.pop_front() {
                if desk.gave_up(&client) {
                    continue;
                }
                let id = SequenceId::fresh();
                client.begun = Some(Instant::now());
                desk.metrics.queue_seconds.observe(client.since.elapsed().as_secs_f64());
                line.open.insert(id, client);
                desk.measure(&line);
                return Some((id, problem));
            }
            desk.measure(&line);
            if !idle || line.phase != Phase::Open {
                return None;
            }
            line = desk.changed.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_cancelled(&mut self, id: SequenceId) -> bool {
        let desk = &self.desk;
        let mut line = desk.lock();
        let Some(client) = line.open.get(&id) else { return true };
        if line.phase >= Phase::Aborted {
            desk.broke_off(client);
        } else if !desk.gave_up(client) {
            return false;
        }
        line.open.remove(&id);
        desk.measure(&line);
        true
    }

    fn committed(&mut self, id: SequenceId, record: &StepRecord) {
        let desk = &self.desk;
        desk.metrics.stepped(record);
        let mut line = desk.lock();
        if let Some(client) = line.open.get_mut(&id) {
            if !std::mem::replace(&mut client.seen, true) {
                desk.metrics.first_step_seconds.observe(client.since.elapsed().as_secs_f64());
            }
            client.tell(Event::Step(Written::new(record)));
        }
    }

    fn finished(&mut self, id: SequenceId, answer: Result<Solution, EngineError>) -> ControlFlow<()> {
        let outcome = self.outcome(answer);
        let desk = &self.desk;
        let mut line = desk.lock();
        if let Some(client) = line.open.remove(&id) {
            let took = client.begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64());
            line.seconds = if line.seconds == 0.0 { took } else { 0.9 * line.seconds + 0.1 * took };
            desk.metrics.request_seconds.observe(client.since.elapsed().as_secs_f64());
            desk.measure(&line);
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
