//! Where a server is, and how it is treated.

use std::time::Duration;

use arbitrage_core::text::excerpt;
use reqwest::Url;

use super::Dialect;
use super::error::RemoteError;
use super::retry::Retry;
use super::secret::Secret;
use crate::error::{Error, Result};

/// A server's address and dialect, with the key, timeouts and limits of all requests to it.
///
/// ```
/// use arbitrage_models::remote::{Dialect, Endpoint};
///
/// let endpoint = Endpoint::new("http://localhost:8000/v1", Dialect::VLLM)?.with_in_flight(32)?;
/// assert_eq!(endpoint.url(), "http://localhost:8000");
/// assert!(Endpoint::new("http://me:secret@localhost", Dialect::VLLM).is_err());
/// # Ok::<(), arbitrage_models::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(super) url: String,
    pub(super) dialect: Dialect,
    pub(super) key: Option<Secret>,
    pub(super) timeouts: Timeouts,
    pub(super) retry: Retry,
    pub(super) in_flight: usize,
    pub(super) max_body_bytes: usize,
}

/// How long each phase of a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// From the request to the first event of a stream. An answer that is not streamed arrives when it is complete, so for it
    /// [`total`](Self::total) applies.
    pub first_token: Duration,
    /// Between two chunks of an answer.
    pub idle: Duration,
    /// For one request as a whole.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 5 s, 2 min, 30 s, 10 min.
    fn default() -> Self {
        let [connect, first_token, idle, total] = [5, 120, 30, 600].map(Duration::from_secs);
        Self { connect, first_token, idle, total }
    }
}

impl Endpoint {
    /// The server at `url`, with or without `/v1` at its end.
    ///
    /// Up to 16 requests are in flight at once. No key is sent unless one is given.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless it is an `http` or `https` address without user, password, query and fragment: those would be
    /// shown in errors and traces.
    pub fn new(url: &str, dialect: Dialect) -> Result<Self> {
        let refuse = |found: &str| Error::Parameter {
            name: "endpoint",
            expected: "an address such as http://localhost:8000, without user, password, query and fragment".to_owned(),
            found: found.to_owned(),
        };
        // The address is not repeated in the error, since it may contain a password.
        let parsed = Url::parse(url).map_err(|error| refuse(&error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(refuse(&format!("the scheme {}", excerpt(parsed.scheme()))));
        }
        let extras = [parsed.query().is_some(), parsed.fragment().is_some(), parsed.password().is_some()];
        if extras.contains(&true) || !parsed.username().is_empty() {
            return Err(refuse("an address with one of them"));
        }
        let root = parsed.as_str().trim_end_matches('/');
        let root = root.strip_suffix("/v1").unwrap_or(root).trim_end_matches('/').to_owned();
        let (timeouts, retry) = (Timeouts::default(), Retry::default());
        Ok(Self { url: root, dialect, key: None, timeouts, retry, in_flight: 16, max_body_bytes: 1 << 26 })
    }

    /// Sends the key in the environment variable `variable`. It is never printed, and sent only to this address.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming the variable if it is unset, empty, or no valid header value.
    pub fn with_key_from(self, variable: &str) -> Result<Self> {
        let key = std::env::var(variable).unwrap_or_default();
        self.set_key(&key, || format!("a key in the environment variable {}", excerpt(variable)))
    }

    /// Sends `key`. Prefer [`with_key_from`](Self::with_key_from), since others may see what is in a program or on a command line.
    ///
    /// # Errors
    /// [`Error::Parameter`] if it is empty or no valid header value.
    pub fn with_key(self, key: &str) -> Result<Self> {
        self.set_key(key, || "a key of visible ASCII characters without quotes and backslashes".to_owned())
    }

    fn set_key(mut self, text: &str, expected: impl FnOnce() -> String) -> Result<Self> {
        self.key = Secret::new(text);
        match self.key {
            Some(_) => Ok(self),
            None => Err(Error::Parameter { name: "key", expected: expected(), found: "none".to_owned() }),
        }
    }

    /// Sets how long each phase may take.
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Sets how often and after which waits failed requests are retried.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Sets how many requests may be in flight at once, over all models and scorers of one [`Client`](super::Client).
    ///
    /// # Errors
    /// [`Error::Parameter`] unless it is 1 to 4096.
    pub fn with_in_flight(mut self, limit: usize) -> Result<Self> {
        if !(1..=4096).contains(&limit) {
            let expected = "1 to 4096".to_owned();
            return Err(Error::Parameter { name: "in_flight", expected, found: limit.to_string() });
        }
        self.in_flight = limit;
        Ok(self)
    }

    /// Sets the most bytes that are read of an answer. The default is 64 MiB.
    pub fn with_max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// The address, without `/v1` and without any secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The dialect of the server.
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// The address of a route.
    pub(super) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// What a server wrote, without the key.
    pub(super) fn redact(&self, text: &str) -> String {
        self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.redact(text))
    }

    /// The error of an answer's `field` that is not as the format requires.
    pub(super) fn format_error(&self, path: &str, field: &str, expected: &str, found: &str) -> RemoteError {
        RemoteError::Format {
            endpoint: self.address(path),
            field: field.to_owned(),
            expected: expected.to_owned(),
            found: if found.is_empty() { "nothing".to_owned() } else { excerpt(&self.redact(found)) },
        }
    }
}
