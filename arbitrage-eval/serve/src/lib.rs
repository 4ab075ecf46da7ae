//! An OpenAI-compatible server around an [`Engine`], with who wrote which step beside every answer.
//!
//! The engine runs on one thread of its own, with all requests that it has room for in flight side by side; each turn writes one
//! step of each. The others wait in a line of bounded length, first come first served, and past it are told to come again. A
//! client that leaves takes its sequence with it. The page `docs/serve.md` has addresses, fields and limits.
//!
//! | file | holds |
//! |---|---|
//! | `asked`, `fields`, `neutral` | a request's body, read field by field |
//! | `choice`, `dispatch` | policy, threshold and budget of each request, and the router that follows them |
//! | `queue` | the line, and the engine's [`Intake`](arbitrage_core::Intake) |
//! | `routes`, `answer`, `stream`, `refusal` | HTTP |
//! | `connections` | how many, and how long |

mod answer;
mod asked;
mod choice;
mod connections;
mod dispatch;
mod event;
mod fields;
mod key;
mod metrics;
mod neutral;
mod queue;
mod refusal;
mod routes;
mod stream;

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arbitrage_core::{ConfigError, Drafter, Engine, EngineError, Verifier};
use thiserror::Error;

pub use choice::{ChoiceError, Policies};
pub use dispatch::Dispatch;
pub use key::Key;

use asked::Settings;
use metrics::Metrics;
use queue::{Fault, Phase, Queue, Worker};
use routes::{App, routes};

/// How often a server looks whether it is to stop.
const GLANCE: Duration = Duration::from_millis(50);

/// Stack of the engine's thread in bytes: as much as a main thread has, where models run otherwise.
const STACK: usize = 8 << 20;

/// Why a server could not be made, or has ended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A key that is empty, or that no header can carry.
    #[error("key: expected visible ASCII characters, found something else or nothing")]
    Key,
    /// A setting under which nothing could be served.
    #[error("{name}: expected {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// The usual policy cannot be served.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// The engine's limits make no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system refused a socket or a thread.
    #[error("the system refused: {0}")]
    Io(#[from] std::io::Error),
    /// The engine's thread has panicked; its message is on standard error.
    #[error("the engine has fallen, and with it whatever was in flight")]
    Fallen,
}

/// What a server has done, told when it ends in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// Requests that were broken off since the grace time was over.
    pub broken_off: u64,
}

/// A server that is not yet running.
///
/// ```
/// use arbitrage_core::{Engine, testing::Scripted};
/// use arbitrage_serve::{Policies, Server};
/// use arbitrage_router::Policy;
///
/// let (draft, target) = (Scripted::new("draft", ["42"]), Scripted::new("target", ["42"]));
/// let server = Server::new(Policies::new(Policy::Draft), |router| Engine::new(draft, target, router))?.with_queue(8)?;
/// let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// let served = server.run(listener, || true)?; // told to stop at once
/// assert_eq!(served.broken_off, 0);
/// # Ok::<(), arbitrage_serve::ServeError>(())
/// ```
pub struct Server<D, V> {
    engine: Engine<D, V, Dispatch>,
    fault: Fault,
    grace: Duration,
    app: App,
}

impl<D: Drafter + 'static, V: Verifier + 'static> Server<D, V> {
    /// A server around the engine that `build` makes with the router that it is given. It lets 64 requests wait, of at most a
    /// mebibyte each, wants no key, and takes the models to be greedy.
    ///
    /// # Errors
    /// [`ServeError::Choice`] where the usual policy of `policies` cannot be served.
    pub fn new(policies: Policies, build: impl FnOnce(Dispatch) -> Engine<D, V, Dispatch>) -> Result<Self, ServeError> {
        let available = policies.available();
        available.choose(available.usual, None)?;
        let metrics = Arc::new(Metrics::new());
        let queue = Arc::new(Queue::new(64, metrics.clone()));
        let engine = build(Dispatch::new(policies, queue.clone()));
        let run = engine.run_record();
        queue.set_in_flight(run.limits.in_flight);
        let settings = Settings { name: "arbitrage".to_owned(), available, temperature: 0.0, top_p: 1.0 };
        let (draft, target) = (run.drafter.name, run.verifier.name);
        let app = App { settings, key: None, body_bytes: 1 << 20, queue, metrics, draft, target };
        Ok(Self { engine, fault: Box::new(|_| false), grace: Duration::from_secs(30), app })
    }

    /// Sets how many requests may wait, at least 1: also those that find the engine idle come over the line.
    ///
    /// # Errors
    /// [`ServeError::Setting`].
    pub fn with_queue(self, places: usize) -> Result<Self, ServeError> {
        if places == 0 {
            return Err(ServeError::Setting { name: "queue", expected: "at least 1", found: places.to_string() });
        }
        self.app.queue.set_places(places);
        Ok(self)
    }

    /// Wants this key from whoever asks for anything below `/v1`.
    pub fn with_key(mut self, key: Key) -> Self {
        self.app.key = Some(key);
        self
    }

    /// Sets the most bytes of a body.
    pub fn with_body_bytes(mut self, bytes: usize) -> Self {
        self.app.body_bytes = bytes;
        self
    }

    /// Sets the time in which what was taken has to be finished when the server is told to stop: 30 seconds at first.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets the model's name, `arbitrage` at first: `name:draft` and `name:target` are the models alone.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.app.settings.name = name.into();
        self
    }

    /// Says how the models sample. A request that asks for another temperature or `top_p` is refused, since sampling is the
    /// models' and not the request's.
    pub fn with_sampling(mut self, temperature: f32, top_p: f32) -> Self {
        (self.app.settings.temperature, self.app.settings.top_p) = (temperature, top_p);
        self
    }

    /// Says which errors are the request's own fault, such as a prompt that fits no model: they are answered with 400 instead
    /// of 500.
    pub fn with_faults(mut self, is_fault: impl Fn(&EngineError) -> bool + Send + Sync + 'static) -> Self {
        self.fault = Box::new(is_fault);
        self
    }

    /// Serves what comes to `listener` until `stop` says so, which is asked twenty times a second; then refuses what is new and
    /// finishes what was taken, within the grace time.
    ///
    /// # Errors
    /// [`ServeError::Io`], [`ServeError::Config`] before anything is served; [`ServeError::Fallen`].
    pub fn run(self, listener: TcpListener, stop: impl Fn() -> bool) -> Result<Served, ServeError> {
        let Self { engine, fault, grace, app } = self;
        engine.run_record().limits.validate()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (queue, metrics) = (app.queue.clone(), app.metrics.clone());
        let working = spawn(engine, Worker { queue: queue.clone(), fault })?;
        let served = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            connections::serve(listener, routes(Arc::new(app)), life(&queue, stop, grace)).await;
            Ok::<_, std::io::Error>(())
        });
        // Without a listener the engine would wait for ever.
        queue.enter(Phase::Aborted);
        let engine = working.join();
        served?;
        engine.map_err(|_panic| ServeError::Fallen)??;
        Ok(Served { broken_off: metrics.count_ended("stopped") })
    }
}

/// Runs the engine on a thread of its own. However it ends, the queue learns of it.
fn spawn<D: Drafter + 'static, V: Verifier + 'static>(
    mut engine: Engine<D, V, Dispatch>,
    mut worker: Worker,
) -> std::io::Result<JoinHandle<Result<(), ConfigError>>> {
    struct Closing(Arc<Queue>);
    impl Drop for Closing {
        fn drop(&mut self) {
            self.0.enter(Phase::Ended);
        }
    }
    std::thread::Builder::new().name("engine".to_owned()).stack_size(STACK).spawn(move || {
        let _closing = Closing(worker.queue.clone());
        engine.serve(&mut worker)
    })
}

/// Ends when the engine has.
async fn life(queue: &Queue, stop: impl Fn() -> bool, grace: Duration) {
    let mut told: Option<Instant> = None;
    while queue.phase() != Phase::Ended {
        if told.is_none() && stop() {
            told = Some(Instant::now());
            queue.enter(Phase::Draining);
        }
        if told.is_some_and(|told| told.elapsed() >= grace) {
            queue.enter(Phase::Aborted);
        }
        tokio::time::sleep(GLANCE).await;
    }
}
