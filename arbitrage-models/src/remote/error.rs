//! Errors of requests to a server.
//!
//! Every error names the endpoint. A server's messages are untrusted and may repeat the key that was sent, so they are shortened and the
//! key is removed before they become part of an error.

use std::time::Duration;

/// Why a server gave no usable answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// There was no connection, or it broke before the answer was complete.
    #[error("{endpoint}: {phase}: {cause}")]
    Connection {
        /// The address, without any secret.
        endpoint: String,
        /// How far the request had come.
        phase: RequestPhase,
        /// The system's error.
        cause: String,
    },
    /// A phase took longer than its timeout.
    #[error("{endpoint}: {phase}: timed out after {limit:?}")]
    TimedOut {
        /// The address.
        endpoint: String,
        /// The phase.
        phase: RequestPhase,
        /// Its timeout.
        limit: Duration,
    },
    /// The server answered with an error.
    #[error("{endpoint}: the server answered {status}: {message}")]
    Status {
        /// The address.
        endpoint: String,
        /// The HTTP status, or the code of an error inside a stream.
        status: u16,
        /// The server's message, shortened.
        message: String,
    },
    /// The prompt is longer than the model's context, or leaves no room for a token.
    #[error("{endpoint}: the prompt does not fit the model's context: {message}")]
    ContextFull {
        /// The address.
        endpoint: String,
        /// The server's message, shortened.
        message: String,
    },
    /// The server redirects. Redirects are not followed, since that would send the key elsewhere.
    #[error("{endpoint}: redirected ({status}) to {to}; if you trust that address, configure it instead")]
    Redirect {
        /// The address.
        endpoint: String,
        /// The HTTP status.
        status: u16,
        /// Where to.
        to: String,
    },
    /// A part of the answer is not what the format requires.
    #[error("{endpoint}: {field}: expected {expected}, found {found}")]
    Format {
        /// The address.
        endpoint: String,
        /// The header, field or event.
        field: String,
        /// What the format requires.
        expected: String,
        /// What is there, shortened.
        found: String,
    },
    /// The answer is longer than the limit.
    #[error("{endpoint}: {what}: more than {limit} bytes")]
    TooLong {
        /// The address.
        endpoint: String,
        /// The body, or an event of a stream.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// The last requests all failed, so the circuit breaker is open and this one was not sent.
    #[error("{endpoint}: not sent, since {failures} requests in a row have failed; retry in {wait:?}")]
    CircuitOpen {
        /// The address.
        endpoint: String,
        /// Failures in a row.
        failures: u32,
        /// Until a request may be sent.
        wait: Duration,
    },
    /// All attempts failed.
    #[error("{last} (gave up after {attempts} attempts: {limit})")]
    GaveUp {
        /// Attempts so far.
        attempts: u32,
        /// Why there are no more.
        limit: RetryLimit,
        /// The last failure, which names the endpoint.
        #[source]
        last: Box<RemoteError>,
    },
    /// The client's thread could not be started, or has ended.
    #[error("{endpoint}: the HTTP client failed: {cause}")]
    Client {
        /// The address.
        endpoint: String,
        /// Why.
        cause: String,
    },
}

/// How far a request had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestPhase {
    /// Resolving the host and opening the connection.
    Connect,
    /// From the request to the first event of a stream.
    FirstToken,
    /// Between two chunks of an answer.
    Idle,
    /// The whole of one request.
    Total,
}

impl std::fmt::Display for RequestPhase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Connect => "connecting",
            Self::FirstToken => "before the first token",
            Self::Idle => "while reading the answer",
            Self::Total => "the whole request",
        })
    }
}

/// Why a request is not retried any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryLimit {
    /// One request may have no more attempts.
    Attempts,
    /// The retries of all requests together are used up.
    Budget,
    /// The server asked for a longer wait than is allowed.
    MaxWait,
}

impl std::fmt::Display for RetryLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Attempts => "the limit on attempts is reached",
            Self::Budget => "the retry budget is spent",
            Self::MaxWait => "the server asked for a longer wait than is allowed",
        })
    }
}

impl RemoteError {
    /// The address that the request was for.
    pub fn endpoint(&self) -> &str {
        match self {
            Self::Connection { endpoint, .. }
            | Self::TimedOut { endpoint, .. }
            | Self::Status { endpoint, .. }
            | Self::ContextFull { endpoint, .. }
            | Self::Redirect { endpoint, .. }
            | Self::Format { endpoint, .. }
            | Self::TooLong { endpoint, .. }
            | Self::CircuitOpen { endpoint, .. }
            | Self::Client { endpoint, .. } => endpoint,
            Self::GaveUp { last, .. } => last.endpoint(),
        }
    }

    /// Whether the same request may succeed later: after a fault of the connection, 429, or a failure of the server. A timeout does not
    /// count, since repeating a request does not help a server that is too slow.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::CircuitOpen { .. } => true,
            Self::TimedOut { phase, .. } => *phase == RequestPhase::Connect,
            Self::Status { status, .. } => *status == 429 || (500..600).contains(status) && *status != NOT_IMPLEMENTED,
            _ => false,
        }
    }

    /// Whether the server is at fault, and not the request.
    pub(super) fn blames_server(&self) -> bool {
        self.is_transient() && !matches!(self, Self::CircuitOpen { .. } | Self::Status { status: 429, .. })
            || matches!(self, Self::TimedOut { .. })
    }
}

/// The one status from 500 on that is permanent.
const NOT_IMPLEMENTED: u16 = 501;
