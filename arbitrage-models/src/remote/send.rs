//! One request and its retries.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::answer;
use super::breaker::CircuitOpen;
use super::client::{Connection, EventSender, ResponseEvent, ServerRequest};
use super::error::{RemoteError, RequestPhase, RetryLimit};
use super::retry::{jitter, retry_after};
use super::sse::{EventParser, EventTooLong};
use crate::http;

/// Most bytes that are read of the body of an error status.
const MAX_ERROR_BODY_BYTES: usize = 1 << 16;
/// Most characters of a server's message that errors quote.
const MAX_QUOTED_CHARS: usize = 300;
/// How long the server may take to close a stream after its last event.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(20);

/// Why an attempt failed, and how long the server asks to wait.
struct AttemptFailure {
    error: RemoteError,
    retry_after: Option<Duration>,
}

impl From<RemoteError> for AttemptFailure {
    fn from(error: RemoteError) -> Self {
        Self { error, retry_after: None }
    }
}

/// Sends a request until it succeeds, fails permanently, or has no retries left.
pub(super) async fn send_with_retry(connection: Arc<Connection>, request: ServerRequest, mut events: EventSender) {
    // The permit is kept while waiting to retry: a server that fails must not get more requests at once.
    let Ok(_permit) = connection.permits.acquire().await else { return };
    let endpoint = connection.endpoint.address(request.path);
    let mut number = 1;
    loop {
        let attempt = RequestAttempt { connection: &connection, request: &request, endpoint: &endpoint, number };
        let failure = match attempt.run(&mut events).await {
            Ok(()) => {
                connection.budget.record_success();
                return events.send(ResponseEvent::Complete);
            }
            Err(failure) => failure,
        };
        match attempt.delay_before_retry(failure) {
            Ok(delay) => sleep(delay).await,
            Err(error) => {
                request.counters.failures.add(1);
                return events.send(ResponseEvent::Failed(error));
            }
        }
        request.counters.retries.add(1);
        events.send(ResponseEvent::Retrying);
        number += 1;
    }
}

/// One attempt to send a request.
struct RequestAttempt<'a> {
    connection: &'a Connection,
    request: &'a ServerRequest,
    endpoint: &'a str,
    /// From 1.
    number: u32,
}

impl RequestAttempt<'_> {
    /// How long to wait before the next attempt, or the error to report if there is none.
    fn delay_before_retry(&self, failure: AttemptFailure) -> Result<Duration, RemoteError> {
        let AttemptFailure { error, retry_after } = failure;
        let retry = &self.connection.endpoint.retry;
        if !error.is_transient() {
            return Err(error);
        }
        let give_up = |limit, error: RemoteError| match self.number {
            1 if limit == RetryLimit::Attempts => error,
            attempts => RemoteError::GaveUp { attempts, limit, last: Box::new(error) },
        };
        if self.number >= retry.attempts {
            return Err(give_up(RetryLimit::Attempts, error));
        }
        if retry_after.is_some_and(|wait| wait > retry.max_wait) {
            return Err(give_up(RetryLimit::MaxWait, error));
        }
        let until_closed = match &error {
            RemoteError::CircuitOpen { wait, .. } => Some(*wait),
            _ => None,
        };
        // While the circuit is open nothing was sent, so nothing is taken from the budget.
        if until_closed.is_none() && !self.connection.budget.try_spend() {
            return Err(give_up(RetryLimit::Budget, error));
        }
        let backoff = retry.backoff(self.number, jitter());
        let least = retry_after.or(until_closed.map(|wait| wait + backoff));
        Ok(least.map_or(backoff, |least| least.max(backoff)))
    }

    async fn run(&self, events: &mut EventSender) -> Result<(), AttemptFailure> {
        let endpoint = || self.endpoint.to_owned();
        let admitted = self.connection.breaker.admit(Instant::now());
        admitted.map_err(|CircuitOpen { failures, wait }| RemoteError::CircuitOpen {
            endpoint: endpoint(),
            failures,
            wait,
        })?;
        self.request.counters.requests.add(1);
        let total = self.connection.endpoint.timeouts.total;
        let outcome = self.with_timeout(RequestPhase::Total, total, self.send(events)).await;
        let outcome = outcome.map_err(AttemptFailure::from).and_then(|outcome| outcome);
        match &outcome {
            Err(failure) if failure.error.blames_server() => self.connection.breaker.record_failure(Instant::now()),
            _ => self.connection.breaker.record_success(),
        }
        outcome
    }

    async fn send(&self, events: &mut EventSender) -> Result<(), AttemptFailure> {
        let timeouts = &self.connection.endpoint.timeouts;
        let sent = self.connection.http.post(self.endpoint).body(self.request.body.clone()).send();
        let limit = if self.request.streamed { timeouts.first_token } else { timeouts.total };
        let answer = self.with_timeout(RequestPhase::FirstToken, limit, sent).await?;
        let mut answer = answer.map_err(|error| self.connection_error(error, RequestPhase::FirstToken))?;
        let status = answer.status();
        if status.is_redirection() {
            let (endpoint, status) = (self.endpoint.to_owned(), status.as_u16());
            let to = self.quoted(&header(&answer, LOCATION));
            return Err(RemoteError::Redirect { endpoint, status, to }.into());
        }
        let encoding = header(&answer, CONTENT_ENCODING);
        if !matches!(encoding.as_str(), "" | "identity") {
            return Err(self.format_error("content-encoding", "identity, as requested", &encoding).into());
        }
        if !status.is_success() {
            return Err(self.read_error(answer).await);
        }
        if self.request.streamed {
            self.read_stream(&mut answer, events).await
        } else {
            self.read_whole(&mut answer, events).await
        }
    }

    /// Reads an answer that is not streamed.
    async fn read_whole(&self, answer: &mut Response, events: &mut EventSender) -> Result<(), AttemptFailure> {
        let body = self.read_body(answer, self.connection.endpoint.max_body_bytes).await?;
        let value = self.json(&body)?;
        events.send(ResponseEvent::Answer(self.check_error(value)?));
        Ok(())
    }

    /// Reads an answer that is streamed as events, and passes on each as it arrives. The answer is complete only with an event that says
    /// so.
    async fn read_stream(&self, answer: &mut Response, events: &mut EventSender) -> Result<(), AttemptFailure> {
        let content_type = header(answer, CONTENT_TYPE);
        if !content_type.starts_with("text/event-stream") {
            return Err(self.format_error("content-type", "text/event-stream", &content_type).into());
        }
        let (timeouts, limit) = (&self.connection.endpoint.timeouts, self.connection.endpoint.max_body_bytes);
        let mut stream = StreamState::default();
        let (mut phase, mut wait) = (RequestPhase::FirstToken, timeouts.first_token);
        while !stream.is_done {
            let chunk = match self.with_timeout(phase, wait, answer.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                // After the last event there are at most counts, so an error does no harm.
                Ok(_) | Err(_) if stream.has_last => break,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(self.connection_error(error, phase).into()),
                Err(late) => return Err(late.into()),
            };
            (phase, wait, stream.bytes) = (RequestPhase::Idle, timeouts.idle, stream.bytes + chunk.len());
            if stream.bytes > limit {
                return Err(self.too_long("stream", limit).into());
            }
            self.read_events(&chunk, &mut stream, events)?;
        }
        if stream.is_done {
            // Read to the end of the body, so that the connection can be reused.
            timeout(CLOSE_TIMEOUT, answer.chunk()).await.ok();
        }
        if stream.has_last {
            return Ok(());
        }
        let cause = if stream.parser.has_partial_event() {
            "the stream ended in the middle of an event"
        } else {
            "the stream ended before the answer was complete"
        };
        let endpoint = self.endpoint.to_owned();
        Err(RemoteError::Connection { endpoint, phase: RequestPhase::Idle, cause: cause.to_owned() }.into())
    }

    /// Passes on the events that `chunk` completes.
    fn read_events(&self, chunk: &[u8], stream: &mut StreamState, events: &mut EventSender) -> Result<(), RemoteError> {
        let parsed = stream.parser.push(chunk);
        for data in parsed.map_err(|EventTooLong(limit)| self.too_long("an event of the stream", limit))? {
            if data == b"[DONE]" {
                stream.is_done = true;
                break;
            }
            let value = self.check_error(self.json(&data)?)?;
            stream.has_last |= answer::is_last(&value);
            events.send(ResponseEvent::Answer(value));
        }
        Ok(())
    }

    async fn read_body(&self, answer: &mut Response, limit: usize) -> Result<Vec<u8>, RemoteError> {
        let mut body = Vec::new();
        let idle = self.connection.endpoint.timeouts.idle;
        loop {
            let chunk = self.with_timeout(RequestPhase::Idle, idle, answer.chunk()).await?;
            let chunk = chunk.map_err(|error| self.connection_error(error, RequestPhase::Idle))?;
            let Some(chunk) = chunk else { return Ok(body) };
            if body.len() + chunk.len() > limit {
                return Err(self.too_long("body", limit));
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// Reads the answer of an error status.
    async fn read_error(&self, mut answer: Response) -> AttemptFailure {
        let status = answer.status().as_u16();
        let retry_after = retry_after(&header(&answer, RETRY_AFTER), SystemTime::now());
        // The status is reported even if the body cannot be read.
        let body = self.read_body(&mut answer, MAX_ERROR_BODY_BYTES).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&body);
        let json = serde_json::from_str::<Value>(&text);
        let message = json.map_or_else(|_| text.into_owned(), |value| answer::error_message(&value));
        AttemptFailure { error: self.status_error(status, &message), retry_after }
    }

    /// The answer, unless it is an error in the form of an answer.
    fn check_error(&self, value: Value) -> Result<Value, RemoteError> {
        match answer::error(&value) {
            Some(error) => Err(self.status_error(error.status, &error.message)),
            None => Ok(value),
        }
    }

    fn status_error(&self, status: u16, message: &str) -> RemoteError {
        let (endpoint, quoted) = (self.endpoint.to_owned(), self.quoted(message));
        if answer::is_context_error(status, message) {
            RemoteError::ContextFull { endpoint, message: quoted }
        } else {
            RemoteError::Status { endpoint, status, message: quoted }
        }
    }

    fn json(&self, bytes: &[u8]) -> Result<Value, RemoteError> {
        serde_json::from_slice(bytes).map_err(|error| {
            let field = format!("body, line {} column {}", error.line(), error.column());
            self.format_error(&field, "JSON", &String::from_utf8_lossy(bytes))
        })
    }

    async fn with_timeout<T>(
        &self,
        phase: RequestPhase,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, RemoteError> {
        let late = |_| RemoteError::TimedOut { endpoint: self.endpoint.to_owned(), phase, limit };
        timeout(limit, work).await.map_err(late)
    }

    fn connection_error(&self, error: reqwest::Error, phase: RequestPhase) -> RemoteError {
        let endpoint = self.endpoint.to_owned();
        let phase = if error.is_connect() { RequestPhase::Connect } else { phase };
        if error.is_connect() && error.is_timeout() {
            return RemoteError::TimedOut { endpoint, phase, limit: self.connection.endpoint.timeouts.connect };
        }
        RemoteError::Connection { endpoint, phase, cause: self.quoted(&http::describe(error)) }
    }

    fn format_error(&self, field: &str, expected: &str, found: &str) -> RemoteError {
        self.connection.endpoint.format_error(self.request.path, field, expected, found)
    }

    fn too_long(&self, what: &'static str, limit: usize) -> RemoteError {
        RemoteError::TooLong { endpoint: self.endpoint.to_owned(), what, limit }
    }

    /// What a server wrote, without the key, escaped and shortened.
    fn quoted(&self, text: &str) -> String {
        let text = self.connection.endpoint.redact(text);
        let quoted: String = text.trim().chars().take(MAX_QUOTED_CHARS).flat_map(char::escape_debug).collect();
        if quoted.is_empty() { "no message".to_owned() } else { quoted }
    }
}

/// How far a streamed answer was read.
#[derive(Default)]
struct StreamState {
    parser: EventParser,
    bytes: usize,
    /// The event with the end of the text has arrived.
    has_last: bool,
    /// The event `[DONE]` has arrived.
    is_done: bool,
}

fn header(answer: &Response, name: HeaderName) -> String {
    let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().trim().to_owned()
}
