//! Connections to one server, driven by a thread of their own.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use serde_json::Value;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::AbortHandle;

use super::breaker::Breaker;
use super::counters::Counters;
use super::endpoint::Endpoint;
use super::error::RemoteError;
use super::exchange::exchange;
use super::retry::Budget;

/// A connection that nobody has used for so long is closed. llama.cpp's server closes its own after 5 s, and a request that meets the
/// closing would have to be sent again.
const UNUSED: Duration = Duration::from_secs(4);

/// Connections to one server. Clones share them, with the bound on requests in flight, the budget of repetitions and the count of
/// failures; so models and scorers of one server should share one.
///
/// Everything is sent and received by one thread, which ends with the last clone. Calls wait for it through channels, so they may be
/// made anywhere, also inside an async runtime of the caller's own (where they block their thread).
#[derive(Clone)]
pub struct Client {
    line: Arc<Line>,
    runtime: Handle,
    /// The thread ends when this goes.
    _running: Arc<oneshot::Sender<()>>,
}

/// What all requests to one server share.
pub(super) struct Line {
    pub endpoint: Endpoint,
    pub http: reqwest::Client,
    pub permits: Semaphore,
    pub breaker: Breaker,
    pub budget: Budget,
}

/// A request, whole.
pub(super) struct Request {
    pub path: &'static str,
    pub body: Vec<u8>,
    pub streamed: bool,
    pub counters: Arc<Counters>,
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Event {
    /// An answer, or an event of a streamed one.
    Answer(Value),
    /// What came so far is void: the request is sent again.
    Again,
    /// The answer is whole.
    End,
    /// There will be none.
    Failed(RemoteError),
}

/// A request under way. Dropping it cuts the connection, whereupon servers stop writing.
pub(super) struct Call(AbortHandle);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Hands events over under a number, and says in any case how it ended.
pub(super) struct Sink {
    number: u64,
    events: Sender<(u64, Event)>,
    endpoint: String,
    ended: bool,
}

impl Sink {
    /// One more event. Whether anyone still listens does not matter here: who does not has dropped the call.
    pub fn send(&mut self, event: Event) {
        self.ended |= matches!(event, Event::End | Event::Failed(_));
        self.events.send((self.number, event)).ok();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if !self.ended {
            let cause = "the request was dropped".to_owned();
            self.send(Event::Failed(RemoteError::Client { endpoint: self.endpoint.clone(), cause }));
        }
    }
}

impl Client {
    /// Connects when something is asked.
    ///
    /// # Errors
    /// [`RemoteError::Client`] when the system gives no thread.
    pub fn new(endpoint: Endpoint) -> Result<Self, RemoteError> {
        let failed = |cause: String| RemoteError::Client { endpoint: endpoint.url.clone(), cause };
        let http = http(&endpoint).map_err(|error| failed(error.without_url().to_string()))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(error.to_string()))?;
        let handle = runtime.handle().clone();
        let (running, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("remote".to_owned());
        let drive = move || {
            runtime.block_on(stopped).ok();
        };
        thread.spawn(drive).map_err(|error| failed(error.to_string()))?;
        let line = Line {
            http,
            permits: Semaphore::new(endpoint.in_flight),
            breaker: Breaker::new(&endpoint.retry),
            budget: Budget::new(endpoint.retry.budget),
            endpoint,
        };
        Ok(Self { line: Arc::new(line), runtime: handle, _running: Arc::new(running) })
    }

    /// The server's address and how it is treated.
    pub fn endpoint(&self) -> &Endpoint {
        &self.line.endpoint
    }

    /// Sends a request as soon as there is room, and its events, under `number`, to `events`.
    pub(super) fn start(&self, request: Request, number: u64, events: &Sender<(u64, Event)>) -> Call {
        let endpoint = self.line.endpoint.address(request.path);
        let sink = Sink { number, events: events.clone(), endpoint, ended: false };
        Call(self.runtime.spawn(exchange(self.line.clone(), request, sink)).abort_handle())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.line.endpoint).finish_non_exhaustive()
    }
}

/// No redirects, which would carry the key elsewhere; no compression, which would hide how much comes; no proxy to the own machine.
fn http(endpoint: &Endpoint) -> reqwest::Result<reqwest::Client> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let bearer = endpoint.key.as_ref().map(|key| HeaderValue::from_str(&format!("Bearer {}", key.reveal())));
    if let Some(Ok(mut bearer)) = bearer {
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    let mut builder = reqwest::Client::builder()
        .default_headers(headers)
        .user_agent(concat!("arbitrage/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(endpoint.timeouts.connect)
        .pool_idle_timeout(UNUSED)
        .pool_max_idle_per_host(endpoint.in_flight)
        .tcp_nodelay(true);
    if ["://localhost", "://127.", "://[::1]"].iter().any(|host| endpoint.url.contains(host)) {
        builder = builder.no_proxy();
    }
    builder.build()
}
