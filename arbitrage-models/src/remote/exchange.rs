//! One request and all its repetitions.

use std::error::Error as _;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::answer;
use super::client::{Event, Line, Request, Sink};
use super::error::{Phase, RemoteError, Stopped};
use super::retry::{jitter, retry_after};
use super::sse::{Events, TooLong};

/// The longest body of a refusal that is read, in bytes.
const LONGEST_REFUSAL: usize = 1 << 16;
/// The most characters of it that are quoted.
const QUOTED: usize = 300;
/// How long a stream that is over is waited for to be closed.
const LINGER: Duration = Duration::from_millis(20);

/// Why one try failed, and how long the server asks to wait.
struct Failure {
    error: RemoteError,
    wait: Option<Duration>,
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self { error, wait: None }
    }
}

/// Sends a request until it succeeds, fails for good, or has been repeated as often as it may be.
pub(super) async fn exchange(line: Arc<Line>, request: Request, mut sink: Sink) {
    // The bound is held through the waits as well: a server that fails is not to get more at once.
    let Ok(_permit) = line.permits.acquire().await else { return };
    let endpoint = line.endpoint.address(request.path);
    let mut attempt = 1;
    loop {
        let exchange = Exchange { line: &line, request: &request, endpoint: &endpoint };
        let failure = match exchange.once(&mut sink).await {
            Ok(()) => {
                line.budget.give();
                return sink.send(Event::End);
            }
            Err(failure) => failure,
        };
        match exchange.pause(attempt, failure) {
            Ok(wait) => sleep(wait).await,
            Err(error) => {
                request.counters.failures.add(1);
                return sink.send(Event::Failed(error));
            }
        }
        request.counters.retries.add(1);
        sink.send(Event::Again);
        attempt += 1;
    }
}

struct Exchange<'a> {
    line: &'a Line,
    request: &'a Request,
    endpoint: &'a str,
}

impl Exchange<'_> {
    /// How long to wait before the next try, or what to say where there is none.
    fn pause(&self, attempt: u32, failure: Failure) -> Result<Duration, RemoteError> {
        let Failure { error, wait: asked } = failure;
        let retry = &self.line.endpoint.retry;
        if !error.is_passing() {
            return Err(error);
        }
        let gave_up = |stopped, error: RemoteError| match attempt {
            1 if stopped == Stopped::Attempts => error,
            attempts => RemoteError::GaveUp { attempts, stopped, last: Box::new(error) },
        };
        if attempt >= retry.attempts {
            return Err(gave_up(Stopped::Attempts, error));
        }
        if asked.is_some_and(|asked| asked > retry.longest_wait) {
            return Err(gave_up(Stopped::Patience, error));
        }
        let resting = match &error {
            RemoteError::Resting { wait, .. } => Some(*wait),
            _ => None,
        };
        // Nothing was sent to a server that rests, so nothing is spent.
        if resting.is_none() && !self.line.budget.take() {
            return Err(gave_up(Stopped::Budget, error));
        }
        let drawn = retry.wait(attempt, jitter());
        Ok(asked.or(resting.map(|rest| rest + drawn)).map_or(drawn, |asked| asked.max(drawn)))
    }

    /// One try.
    async fn once(&self, sink: &mut Sink) -> Result<(), Failure> {
        self.line.breaker.admit(Instant::now()).map_err(|(failures, wait)| RemoteError::Resting {
            endpoint: self.endpoint.to_owned(),
            failures,
            wait,
        })?;
        self.request.counters.requests.add(1);
        let total = self.line.endpoint.timeouts.total;
        let outcome = self.within(Phase::Total, total, self.ask(sink)).await;
        let outcome = outcome.map_err(Failure::from).and_then(|outcome| outcome);
        let blamed = outcome.as_ref().err().is_some_and(|failure| failure.error.blames_server());
        self.line.breaker.record(blamed, Instant::now());
        outcome
    }

    async fn ask(&self, sink: &mut Sink) -> Result<(), Failure> {
        let timeouts = &self.line.endpoint.timeouts;
        let send = self.line.http.post(self.endpoint).body(self.request.body.clone()).send();
        let limit = if self.request.streamed { timeouts.first_token } else { timeouts.total };
        let answer = self.within(Phase::FirstToken, limit, send).await?;
        let mut answer = answer.map_err(|error| self.broken(error, Phase::FirstToken))?;
        let status = answer.status();
        if status.is_redirection() {
            let to = self.quoted(&header(&answer, LOCATION));
            return Err(
                RemoteError::Redirect { endpoint: self.endpoint.to_owned(), status: status.as_u16(), to }.into()
            );
        }
        let encoding = header(&answer, CONTENT_ENCODING);
        if !matches!(encoding.as_str(), "" | "identity") {
            return Err(self.format("content-encoding", "identity, which was asked for", &encoding).into());
        }
        if !status.is_success() {
            return Err(self.refusal(answer).await);
        }
        if self.request.streamed { self.stream(&mut answer, sink).await } else { self.whole(&mut answer, sink).await }
    }

    /// Reads an answer that comes in one.
    async fn whole(&self, answer: &mut Response, sink: &mut Sink) -> Result<(), Failure> {
        let body = self.body(answer, self.line.endpoint.longest).await?;
        let value = self.json(&body)?;
        sink.send(Event::Answer(self.no_error(value)?));
        Ok(())
    }

    /// Reads an answer that comes as events, and hands over each as it comes. Only one that says that it is the last makes it whole.
    async fn stream(&self, answer: &mut Response, sink: &mut Sink) -> Result<(), Failure> {
        let kind = header(answer, CONTENT_TYPE);
        if !kind.starts_with("text/event-stream") {
            return Err(self.format("content-type", "text/event-stream", &kind).into());
        }
        let (mut events, mut read, mut last, mut done) = (Events::default(), 0, false, false);
        let timeouts = &self.line.endpoint.timeouts;
        let (mut phase, mut limit) = (Phase::FirstToken, timeouts.first_token);
        while !done {
            let piece = match self.within(phase, limit, answer.chunk()).await {
                Ok(Ok(Some(piece))) => piece,
                // What follows the last event is counts at best.
                Ok(_) | Err(_) if last => break,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(self.broken(error, phase).into()),
                Err(late) => return Err(late.into()),
            };
            (phase, limit, read) = (Phase::Idle, timeouts.idle, read + piece.len());
            if read > self.line.endpoint.longest {
                return Err(self.too_long("stream", self.line.endpoint.longest).into());
            }
            let pushed = events.push(&piece, |data| -> Result<(), Unread> {
                if done || data.is_empty() {
                    return Ok(());
                }
                if data == b"[DONE]" {
                    done = true;
                    return Ok(());
                }
                let value = self.no_error(self.json(data)?)?;
                last |= answer::is_last(&value);
                sink.send(Event::Answer(value));
                Ok(())
            });
            pushed.map_err(|unread| match unread {
                Unread::TooLong(TooLong(most)) => self.too_long("an event of the stream", most),
                Unread::Failed(error) => error,
            })?;
        }
        if done {
            // The end of the body, so that the connection can be used again.
            timeout(LINGER, answer.chunk()).await.ok();
        }
        if last {
            return Ok(());
        }
        let what =
            if events.is_open() { "the stream was cut in an event" } else { "the stream ended before the answer" };
        let endpoint = self.endpoint.to_owned();
        Err(RemoteError::Connection { endpoint, phase: Phase::Idle, cause: what.to_owned() }.into())
    }

    async fn body(&self, answer: &mut Response, most: usize) -> Result<Vec<u8>, RemoteError> {
        let mut body = Vec::new();
        let idle = self.line.endpoint.timeouts.idle;
        loop {
            let piece = self.within(Phase::Idle, idle, answer.chunk()).await?;
            let Some(piece) = piece.map_err(|error| self.broken(error, Phase::Idle))? else { return Ok(body) };
            if body.len() + piece.len() > most {
                return Err(self.too_long("body", most));
            }
            body.extend_from_slice(&piece);
        }
    }

    /// What a status other than success means.
    async fn refusal(&self, mut answer: Response) -> Failure {
        let status = answer.status().as_u16();
        let wait = retry_after(&header(&answer, RETRY_AFTER), SystemTime::now());
        // A refusal that cannot be read is one all the same.
        let body = self.body(&mut answer, LONGEST_REFUSAL).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&body);
        let said =
            serde_json::from_str::<Value>(&text).map_or_else(|_| text.into_owned(), |value| answer::words(&value));
        Failure { error: self.refused(status, &said), wait }
    }

    /// An answer that is no error in an answer's place.
    fn no_error(&self, value: Value) -> Result<Value, RemoteError> {
        match answer::error(&value) {
            Some((status, said)) => Err(self.refused(status, &said)),
            None => Ok(value),
        }
    }

    fn refused(&self, status: u16, said: &str) -> RemoteError {
        let (endpoint, message) = (self.endpoint.to_owned(), self.quoted(said));
        if answer::is_too_long(status, said) {
            RemoteError::ContextFull { endpoint, message }
        } else {
            RemoteError::Status { endpoint, status, message }
        }
    }

    fn json(&self, bytes: &[u8]) -> Result<Value, RemoteError> {
        serde_json::from_slice(bytes).map_err(|error| {
            let place = format!("body, line {} column {}", error.line(), error.column());
            self.format(&place, "JSON", &String::from_utf8_lossy(bytes))
        })
    }

    async fn within<T>(&self, phase: Phase, limit: Duration, work: impl Future<Output = T>) -> Result<T, RemoteError> {
        let late = |_| RemoteError::TimedOut { endpoint: self.endpoint.to_owned(), phase, limit };
        timeout(limit, work).await.map_err(late)
    }

    fn broken(&self, error: reqwest::Error, phase: Phase) -> RemoteError {
        let endpoint = self.endpoint.to_owned();
        let phase = if error.is_connect() { Phase::Connect } else { phase };
        if error.is_connect() && error.is_timeout() {
            return RemoteError::TimedOut { endpoint, phase, limit: self.line.endpoint.timeouts.connect };
        }
        let error = error.without_url();
        let mut causes = vec![error.to_string()];
        let mut source = error.source();
        while let Some(inner) = source {
            causes.push(inner.to_string());
            source = inner.source();
        }
        causes.dedup();
        RemoteError::Connection { endpoint, phase, cause: self.quoted(&causes.join(": ")) }
    }

    fn format(&self, field: &str, expected: &str, found: &str) -> RemoteError {
        self.line.endpoint.format(self.request.path, field, expected, found)
    }

    fn too_long(&self, what: &'static str, most: usize) -> RemoteError {
        RemoteError::TooLong { endpoint: self.endpoint.to_owned(), what, most }
    }

    /// What a server said, without the key, escaped and cut.
    fn quoted(&self, text: &str) -> String {
        let text = self.line.endpoint.redacted(text);
        let cut: String = text.trim().chars().take(QUOTED).flat_map(char::escape_debug).collect();
        if cut.is_empty() { "nothing more".to_owned() } else { cut }
    }
}

/// What ends the reading of events: one that is too long, or what it says.
enum Unread {
    TooLong(TooLong),
    Failed(RemoteError),
}

impl From<TooLong> for Unread {
    fn from(long: TooLong) -> Self {
        Self::TooLong(long)
    }
}

impl From<RemoteError> for Unread {
    fn from(error: RemoteError) -> Self {
        Self::Failed(error)
    }
}

fn header(answer: &Response, name: HeaderName) -> String {
    let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().trim().to_owned()
}
