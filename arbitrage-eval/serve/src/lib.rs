//! An OpenAI-compatible server around an [`Engine`]. Each response also has the author of each step.
//!
//! The engine runs on its own thread and advances all requests in flight by one step a turn. Other requests wait in a bounded queue, first
//! come, first served. Where the queue is full, a request is refused with the time after which to try again. A client that disconnects
//! cancels its request. `docs/serve.md` lists routes, fields and limits.
//!
//! | module | task |
//! |---|---|
//! | `request`, `json_fields`, `unsupported_fields` | parses the body of a request |
//! | `policies`, `dispatch` | policy, threshold and budget of each request, and the router that applies them |
//! | `queue`, `engine_intake`, `event` | between HTTP and the engine's [`ProblemSource`](arbitrage_core::ProblemSource) |
//! | `routes`, `response`, `stream`, `api_error`, `api_key` | HTTP |
//! | `connections` | limits on connections |
//! | `metrics` | Prometheus |

#![cfg_attr(doctest, doc = include_str!("../README.md"))]

mod api_error;
mod api_key;
mod connections;
mod dispatch;
mod engine_intake;
mod event;
mod json_fields;
mod metrics;
mod policies;
mod queue;
mod request;
mod response;
mod routes;
mod stream;
mod unsupported_fields;

use std::fmt;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arbitrage_core::{ConfigError, Drafter, Engine, EngineError, Verifier};
use thiserror::Error;

pub use api_key::ApiKey;
pub use dispatch::Dispatch;
pub use policies::{Policies, PolicyChoiceError};

use engine_intake::{EngineIntake, IsRequestError};
use metrics::ServerMetrics;
use queue::{ABORTED, RequestQueue, ServerPhase};
use request::ServedModel;
use routes::{AppState, routes};

/// How often a server checks whether it is to stop.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Stack size of the engine's thread in bytes. It is that of a main thread, on which models run elsewhere.
const ENGINE_STACK_BYTES: usize = 8 << 20;

const DEFAULT_QUEUE_CAPACITY: usize = 64;
const DEFAULT_MAX_BODY_BYTES: usize = 1 << 20;
const DEFAULT_GRACE_PERIOD: Duration = Duration::from_secs(30);

/// Why a server could not be built, or has failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The API key is empty, or has a character that is not visible ASCII.
    #[error("API key: expected visible ASCII characters, found none or others")]
    InvalidKey,
    /// A setting under which nothing could be served.
    #[error("{name}: expected {expected}, found {found}")]
    InvalidSetting {
        /// The setting.
        name: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// The default policy needs something that the server does not have.
    #[error(transparent)]
    DefaultPolicy(#[from] PolicyChoiceError),
    /// The engine's limits are invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The operating system could not provide a socket or a thread.
    #[error("the operating system reports an error: {0}")]
    Io(#[from] std::io::Error),
    /// The engine's thread has panicked. The panic message is on standard error.
    #[error("the engine thread panicked; in-flight requests were dropped")]
    EnginePanicked,
}

/// What a server reports after an orderly shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownSummary {
    /// Requests that were aborted because the grace period was over.
    pub aborted_requests: u64,
}

/// A configured server that does not run yet.
///
/// ```
/// use arbitrage_core::{Engine, testing::Scripted};
/// use arbitrage_serve::{Policies, Server};
/// use arbitrage_router::Policy;
///
/// let (draft, target) = (Scripted::new("draft", ["42"]), Scripted::new("target", ["42"]));
/// let policies = Policies::new(Policy::Draft);
/// let server = Server::new(policies, |router| Engine::new(draft, target, router))?.with_queue_capacity(8)?;
/// let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// let summary = server.run(listener, || true)?; // stops at once
/// assert_eq!(summary.aborted_requests, 0);
/// # Ok::<(), arbitrage_serve::ServeError>(())
/// ```
pub struct Server<D, V> {
    engine: Engine<D, V, Dispatch>,
    is_request_error: IsRequestError,
    grace_period: Duration,
    app: AppState,
}

impl<D, V> fmt::Debug for Server<D, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("model", &self.app.model).finish_non_exhaustive()
    }
}

impl<D: Drafter + 'static, V: Verifier + 'static> Server<D, V> {
    /// A server around the engine that `build` makes with the given router. By default 64 requests may wait, each with a body of at most
    /// one MiB, no API key is needed, and the models are taken to be greedy.
    ///
    /// # Errors
    /// [`ServeError::DefaultPolicy`] where the default policy of `policies` needs something that they do not have.
    pub fn new(policies: Policies, build: impl FnOnce(Dispatch) -> Engine<D, V, Dispatch>) -> Result<Self, ServeError> {
        let capabilities = policies.capabilities();
        capabilities.choose(capabilities.default_policy, None, None)?;
        let metrics = Arc::new(ServerMetrics::new());
        let queue = Arc::new(RequestQueue::new(DEFAULT_QUEUE_CAPACITY, metrics.clone()));
        let engine = build(Dispatch::new(policies, queue.clone()));
        let run = engine.run_record();
        queue.set_max_in_flight(run.limits.in_flight);
        let app = AppState {
            model: ServedModel { name: "arbitrage".to_owned(), capabilities, temperature: 0.0, top_p: 1.0 },
            api_key: None,
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            queue,
            metrics,
            draft_name: run.drafter.name,
            target_name: run.verifier.name,
        };
        Ok(Self { engine, is_request_error: Box::new(|_| false), grace_period: DEFAULT_GRACE_PERIOD, app })
    }

    /// Sets how many requests may wait. It is at least 1, since all requests pass through the queue.
    ///
    /// # Errors
    /// [`ServeError::InvalidSetting`] for 0.
    pub fn with_queue_capacity(self, requests: usize) -> Result<Self, ServeError> {
        if requests == 0 {
            let (name, expected) = ("queue capacity", "at least 1");
            return Err(ServeError::InvalidSetting { name, expected, found: requests.to_string() });
        }
        self.app.queue.set_capacity(requests);
        Ok(self)
    }

    /// Requires this key for all routes below `/v1`.
    pub fn with_api_key(mut self, key: ApiKey) -> Self {
        self.app.api_key = Some(key);
        self
    }

    /// Sets the greatest size of a request's body.
    pub fn with_max_body_bytes(mut self, bytes: usize) -> Self {
        self.app.max_body_bytes = bytes;
        self
    }

    /// Sets the time that accepted requests have to finish after the server is told to stop, 30 seconds by default.
    pub fn with_grace_period(mut self, period: Duration) -> Self {
        self.grace_period = period;
        self
    }

    /// Sets the model's name, `arbitrage` by default. `NAME:draft` and `NAME:target` are the two models by themselves.
    pub fn with_model_name(mut self, name: impl Into<String>) -> Self {
        self.app.model.name = name.into();
        self
    }

    /// States how the models sample. Since sampling is a property of the loaded models, a request with another temperature or `top_p` is
    /// refused.
    pub fn with_sampling(mut self, temperature: f32, top_p: f32) -> Self {
        (self.app.model.temperature, self.app.model.top_p) = (temperature, top_p);
        self
    }

    /// Sets which engine errors are the request's own fault, such as a prompt that fits no model. They get status 400 and not 500.
    pub fn with_request_errors(
        mut self,
        is_request_error: impl Fn(&EngineError) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.is_request_error = Box::new(is_request_error);
        self
    }

    /// Serves the connections of `listener` until `stop` returns true, which is checked every 50 ms. Then new requests are refused, and
    /// accepted requests are finished within the grace period.
    ///
    /// # Errors
    /// [`ServeError::Io`] and [`ServeError::Config`] before anything is served, and [`ServeError::EnginePanicked`].
    pub fn run(self, listener: TcpListener, stop: impl Fn() -> bool) -> Result<ShutdownSummary, ServeError> {
        let Self { engine, is_request_error, grace_period, app } = self;
        engine.run_record().limits.validate()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (queue, metrics) = (app.queue.clone(), app.metrics.clone());
        let engine_thread = spawn_engine(engine, EngineIntake { queue: queue.clone(), is_request_error })?;
        let served = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let shutdown = until_engine_ends(&queue, stop, grace_period);
            connections::serve(listener, routes(Arc::new(app)), shutdown).await;
            Ok::<_, std::io::Error>(())
        });
        // Where the listener failed, the engine still waits for requests.
        queue.advance_to(ServerPhase::Aborted);
        let engine = engine_thread.join();
        served?;
        engine.map_err(|_panic| ServeError::EnginePanicked)??;
        Ok(ShutdownSummary { aborted_requests: metrics.solutions(ABORTED) })
    }
}

/// Runs the engine on its own thread. The queue is closed when the thread ends, also by a panic.
fn spawn_engine<D: Drafter + 'static, V: Verifier + 'static>(
    mut engine: Engine<D, V, Dispatch>,
    mut intake: EngineIntake,
) -> std::io::Result<JoinHandle<Result<(), ConfigError>>> {
    struct CloseOnDrop(Arc<RequestQueue>);
    impl Drop for CloseOnDrop {
        fn drop(&mut self) {
            self.0.advance_to(ServerPhase::Ended);
        }
    }
    std::thread::Builder::new().name("engine".to_owned()).stack_size(ENGINE_STACK_BYTES).spawn(move || {
        let _close = CloseOnDrop(intake.queue.clone());
        engine.serve(&mut intake)
    })
}

/// Completes when the engine has ended. Until then it polls `stop`, and aborts unfinished requests after the grace period.
async fn until_engine_ends(queue: &RequestQueue, stop: impl Fn() -> bool, grace_period: Duration) {
    let mut stopped_at: Option<Instant> = None;
    while queue.phase() != ServerPhase::Ended {
        if stopped_at.is_none() && stop() {
            stopped_at = Some(Instant::now());
            queue.advance_to(ServerPhase::Draining);
        }
        if stopped_at.is_some_and(|stopped_at| stopped_at.elapsed() >= grace_period) {
            queue.advance_to(ServerPhase::Aborted);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
