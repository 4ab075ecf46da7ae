//! A client of one server.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::breaker::Breaker;
use super::counters::Counters;
use super::endpoint::Endpoint;
use super::error::RemoteError;
use super::retry::RetryBudget;
use super::send::send_with_retry;
use crate::http::{self, RequestThread};

/// How long an unused connection is kept open. llama.cpp's server closes its own after 5 s, and a request that is sent at that moment
/// would have to be repeated.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(4);

/// Connections to one server. Clones share them, with the limit on requests in flight, the retry budget and the circuit breaker, so
/// models and scorers of one server should share one client.
///
/// One thread, which ends with the last clone, sends and receives everything. Calls wait for it through channels, so they may be made
/// anywhere, also inside an async runtime of the caller's own (where they block their thread).
#[derive(Clone)]
pub struct Client {
    connection: Arc<Connection>,
    thread: RequestThread,
}

/// What all requests to one server share.
pub(super) struct Connection {
    pub endpoint: Endpoint,
    pub http: reqwest::Client,
    pub permits: Semaphore,
    pub breaker: Breaker,
    pub budget: RetryBudget,
}

/// A request, complete.
pub(super) struct ServerRequest {
    pub path: &'static str,
    pub body: Vec<u8>,
    pub streamed: bool,
    pub counters: Arc<Counters>,
}

/// What happens to a request.
#[derive(Debug)]
pub(super) enum ResponseEvent {
    /// An answer, or an event of a streamed one.
    Answer(Value),
    /// The request is sent again, so everything received so far has to be discarded.
    Retrying,
    /// The answer is complete.
    Complete,
    /// There will be no answer.
    Failed(RemoteError),
}

/// A request in flight. Dropping it closes the connection, on which servers stop generating.
pub(super) struct InFlight(AbortHandle);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Passes on the events of one request under its id, and makes sure that the last of them says how the request ended.
pub(super) struct EventSender {
    id: u64,
    events: Sender<(u64, ResponseEvent)>,
    endpoint: String,
    ended: bool,
}

impl EventSender {
    /// Passes on an event. That nobody receives any more is no error: the receiver then has dropped the request.
    pub(super) fn send(&mut self, event: ResponseEvent) {
        self.ended |= matches!(event, ResponseEvent::Complete | ResponseEvent::Failed(_));
        self.events.send((self.id, event)).ok();
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        if !self.ended {
            let cause = "the request was dropped".to_owned();
            self.send(ResponseEvent::Failed(RemoteError::Client { endpoint: self.endpoint.clone(), cause }));
        }
    }
}

impl Client {
    /// A client of the server at `endpoint`. It connects with the first request.
    ///
    /// # Errors
    /// [`RemoteError::Client`] when the system gives no thread.
    pub fn new(endpoint: Endpoint) -> Result<Self, RemoteError> {
        let failed = |cause: String| RemoteError::Client { endpoint: endpoint.url.clone(), cause };
        let http = http_client(&endpoint).map_err(|error| failed(http::describe(error)))?;
        let thread = RequestThread::start().map_err(|error| failed(error.to_string()))?;
        let connection = Connection {
            http,
            permits: Semaphore::new(endpoint.in_flight),
            breaker: Breaker::new(&endpoint.retry),
            budget: RetryBudget::new(endpoint.retry.budget),
            endpoint,
        };
        Ok(Self { connection: Arc::new(connection), thread })
    }

    /// The server's address and how it is treated.
    pub fn endpoint(&self) -> &Endpoint {
        &self.connection.endpoint
    }

    /// Sends a request as soon as the limit on requests in flight allows it. Its events go to `events`, under `id`.
    pub(super) fn start(&self, request: ServerRequest, id: u64, events: &Sender<(u64, ResponseEvent)>) -> InFlight {
        let endpoint = self.connection.endpoint.address(request.path);
        let events = EventSender { id, events: events.clone(), endpoint, ended: false };
        InFlight(self.thread.spawn(send_with_retry(self.connection.clone(), request, events)))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.connection.endpoint).finish_non_exhaustive()
    }
}

/// Follows no redirects, which would carry the key elsewhere, and accepts no compression, which would hide how much is received.
fn http_client(endpoint: &Endpoint) -> reqwest::Result<reqwest::Client> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let bearer = endpoint.key.as_ref().map(|key| HeaderValue::from_str(&format!("Bearer {}", key.reveal())));
    if let Some(Ok(mut bearer)) = bearer {
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    http::client_for(&endpoint.url)
        .default_headers(headers)
        .redirect(Policy::none())
        .connect_timeout(endpoint.timeouts.connect)
        .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
        .pool_max_idle_per_host(endpoint.in_flight)
        .tcp_nodelay(true)
        .build()
}
