//! A running server on fake models.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arbitrage_core::scorer::scorer_fn;
use arbitrage_core::testing::{Babbler, CallLog};
use arbitrage_core::{
    AdvantageRouter, Author, BoxError, Candidate, Decision, Drafter, Engine, Limits, Prefix, Route, StepResult,
    StepRule, Verifier, forward_methods,
};
use arbitrage_router::Policy;
use arbitrage_serve::{Dispatch, Policies, ServeError, Server, ShutdownSummary};
use serde_json::Value;

use super::client;

pub(crate) struct Running {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<ShutdownSummary, ServeError>>,
}

impl Running {
    pub(crate) fn open<D: Drafter + 'static, V: Verifier + 'static>(server: Server<D, V>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let stop_flag = stop.clone();
        let thread = std::thread::spawn(move || server.run(listener, || stop_flag.load(Ordering::SeqCst)));
        Self { address, stop, thread }
    }

    /// A server with these models and all policies.
    pub(crate) fn of(draft: impl Drafter + 'static, target: impl Verifier + 'static) -> Self {
        Self::open(Server::new(policies(), |router| Engine::new(draft, target, router).with_limits(limits())).unwrap())
    }

    pub(crate) fn chat(&self, body: &Value) -> client::Reply {
        client::post(self.address, "/v1/chat/completions", body)
    }

    pub(crate) fn ask(&self, body: &Value) -> std::net::TcpStream {
        client::ask(self.address, "/v1/chat/completions", body)
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = client::get(self.address, "/metrics").body;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Waits until a metric is `value`.
    pub(crate) fn wait_for(&self, name: &str, value: f64) {
        wait(name, || self.metric(name) == value);
    }

    pub(crate) fn tell_to_stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    pub(crate) fn close(self) -> Result<ShutdownSummary, ServeError> {
        self.tell_to_stop();
        self.thread.join().unwrap()
    }
}

/// Waits until a condition holds, and fails after 30 seconds.
pub(crate) fn wait(what: &str, holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < Duration::from_secs(30), "waited for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn limits() -> Limits {
    Limits::default().with_steps(12).with_step_tokens(12).with_in_flight(32)
}

/// All policies, with `draft` as the default.
pub(crate) fn policies() -> Policies {
    Policies::new(Policy::Draft).with_learned(AsciiRouter).with_scorer(scorer_fn(|_, step| ascii(&step.text))).unwrap()
}

/// The share of characters that are ASCII letters or digits.
pub(crate) fn ascii(text: &str) -> f32 {
    let characters = text.chars().count().max(1);
    text.chars().filter(char::is_ascii_alphanumeric).count() as f32 / characters as f32
}

/// A fake trained router: its estimate is the share of ASCII in the draft's step.
pub(crate) struct AsciiRouter;

impl AdvantageRouter for AsciiRouter {
    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        let estimate = ascii(&candidate.draft.text);
        Ok(Decision::new(Route::escalate_if(estimate > 0.5)).with_estimate(estimate))
    }
}

/// A draft and a target that write random text.
pub(crate) fn babblers() -> (Babbler, Babbler) {
    let model = |name: &str, author| Babbler::new(name, author, 7 + author as u64).with_end_probability(0.03);
    (model("draft", Author::Draft).with_cache(), model("target", Author::Target).with_cache())
}

/// Babblers whose calls are logged.
pub(crate) fn logged(log: &CallLog) -> (impl Drafter + 'static, impl Verifier + 'static) {
    let (draft, target) = babblers();
    (log.record(draft), log.record(target))
}

pub(crate) fn server<D: Drafter + 'static, V: Verifier + 'static>(models: (D, V), limits: Limits) -> Server<D, V> {
    Server::new(policies(), |router: Dispatch| Engine::new(models.0, models.1, router).with_limits(limits)).unwrap()
}

/// A semaphore that a drafter acquires before each call. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct CallGate(Arc<(Mutex<usize>, Condvar)>);

impl CallGate {
    /// Allows this many further calls.
    pub(crate) fn let_through(&self, calls: usize) {
        *self.0.0.lock().unwrap() += calls;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let mut left = self.0.0.lock().unwrap();
        while *left == 0 {
            left = self.0.1.wait(left).unwrap();
        }
        *left -= 1;
    }
}

/// A drafter whose calls wait at a gate.
pub(crate) struct Gated<T>(pub CallGate, pub T);

impl<T: Drafter> Drafter for Gated<T> {
    forward_methods!(Drafter, self => self.1; name, release);

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        self.0.pass();
        self.1.draft(prefixes, rule)
    }
}
