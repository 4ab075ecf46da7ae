//! What can go wrong between here and a server.
//!
//! Every error names the endpoint. What a server says is untrusted and may repeat the key that it was sent, so it is cut short and
//! the key is taken out before it comes here.

use std::time::Duration;

/// Why a server gave no usable answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// No connection came about, or it broke before the answer was whole.
    #[error("{endpoint}: {phase}: {cause}")]
    Connection {
        /// The address, without any secret.
        endpoint: String,
        /// How far the exchange had come.
        phase: Phase,
        /// The system's own words.
        cause: String,
    },
    /// A phase took longer than it may.
    #[error("{endpoint}: {phase}: nothing within {limit:?}")]
    TimedOut {
        /// The address.
        endpoint: String,
        /// What was waited for.
        phase: Phase,
        /// How long.
        limit: Duration,
    },
    /// The server refused.
    #[error("{endpoint}: the server answered {status}: {message}")]
    Status {
        /// The address.
        endpoint: String,
        /// The HTTP status, or the code of an error inside a stream.
        status: u16,
        /// What the server said, shortened.
        message: String,
    },
    /// The prompt is longer than the model's context, or leaves no room for a token.
    #[error("{endpoint}: the prompt does not fit the model's context: {message}")]
    ContextFull {
        /// The address.
        endpoint: String,
        /// What the server said, shortened.
        message: String,
    },
    /// The server points elsewhere. Following it would take the key along.
    #[error("{endpoint}: redirected ({status}) to {to}; give that address instead if it is to be trusted")]
    Redirect {
        /// The address.
        endpoint: String,
        /// The HTTP status.
        status: u16,
        /// Where to.
        to: String,
    },
    /// A part of the answer is not what the format demands.
    #[error("{endpoint}: {field}: expected {expected}, found {found}")]
    Format {
        /// The address.
        endpoint: String,
        /// The header, field or event.
        field: String,
        /// What the format demands.
        expected: String,
        /// What is there, shortened.
        found: String,
    },
    /// The answer is longer than any real one.
    #[error("{endpoint}: {what}: more than {most} bytes")]
    TooLong {
        /// The address.
        endpoint: String,
        /// The body, or an event of a stream.
        what: &'static str,
        /// The cap in bytes.
        most: usize,
    },
    /// The last requests all failed, so this one was not sent.
    #[error("{endpoint}: not asked: {failures} requests in a row have failed; the next try is in {wait:?}")]
    Resting {
        /// The address.
        endpoint: String,
        /// Failures in a row.
        failures: u32,
        /// Until the next try.
        wait: Duration,
    },
    /// It was tried again, in vain.
    #[error("{last} (tried {attempts} times, then {stopped})")]
    GaveUp {
        /// Requests sent.
        attempts: u32,
        /// What ended the tries.
        stopped: Stopped,
        /// The last failure, which names the endpoint.
        #[source]
        last: Box<RemoteError>,
    },
    /// The client's thread could not be started, or has ended.
    #[error("{endpoint}: the client does not run: {cause}")]
    Client {
        /// The address.
        endpoint: String,
        /// Why.
        cause: String,
    },
}

/// How far an exchange had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Finding the host and opening the connection.
    Connect,
    /// From the request to the first event of a stream.
    FirstToken,
    /// Between two pieces of an answer.
    Idle,
    /// The whole of one request.
    Total,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Connect => "connecting",
            Self::FirstToken => "before the first token",
            Self::Idle => "in mid answer",
            Self::Total => "the whole request",
        })
    }
}

/// What ended the tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stopped {
    /// As many as one request may have.
    Attempts,
    /// All requests together had used up what may be spent on repetition.
    Budget,
    /// The server asked for more patience than there is.
    Patience,
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Attempts => "as often as one request may be",
            Self::Budget => "the budget of repetitions was spent",
            Self::Patience => "the server asked for a longer wait than is allowed",
        })
    }
}

impl RemoteError {
    /// The address that the error is about.
    pub fn endpoint(&self) -> &str {
        match self {
            Self::Connection { endpoint, .. }
            | Self::TimedOut { endpoint, .. }
            | Self::Status { endpoint, .. }
            | Self::ContextFull { endpoint, .. }
            | Self::Redirect { endpoint, .. }
            | Self::Format { endpoint, .. }
            | Self::TooLong { endpoint, .. }
            | Self::Resting { endpoint, .. }
            | Self::Client { endpoint, .. } => endpoint,
            Self::GaveUp { last, .. } => last.endpoint(),
        }
    }

    /// Whether the same request may succeed later: a fault of the connection, 429, or the server's own failure. A time-out is none of
    /// them: a server that is too slow is not helped by being asked twice.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::Resting { .. } => true,
            Self::TimedOut { phase, .. } => *phase == Phase::Connect,
            Self::Status { status, .. } => *status == 429 || (500..600).contains(status) && *status != NOT_IMPLEMENTED,
            _ => false,
        }
    }

    /// Whether it says that the server is unwell, and not that the request is.
    pub(super) fn blames_server(&self) -> bool {
        self.is_passing() && !matches!(self, Self::Resting { .. } | Self::Status { status: 429, .. })
            || matches!(self, Self::TimedOut { .. })
    }
}

/// What a server will never do it need not be asked again.
const NOT_IMPLEMENTED: u16 = 501;
