//! Where a server is, and how it is treated.

use std::time::Duration;

use arbitrage_core::text::excerpt;
use reqwest::Url;

use super::Dialect;
use super::error::RemoteError;
use super::retry::Retry;
use super::secret::Secret;
use crate::error::{Error, Result};

/// A server's address and dialect, with the key, time-outs and limits of everything that is asked of it.
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
    pub(super) longest: usize,
}

/// How long each phase of a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// From the request to the first event of a stream. An answer that is not streamed comes when it is whole, so it has
    /// [`total`](Self::total) for that.
    pub first_token: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// For the whole of one request, however much trickles in.
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
    /// Up to 16 requests are kept in flight. No key is sent unless one is given.
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
        // What holds a password is not repeated, and what is no address may hold anything.
        let parsed = Url::parse(url).map_err(|error| refuse(&error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(refuse(&format!("the scheme {}", excerpt(parsed.scheme()))));
        }
        let extras = [parsed.query().is_some(), parsed.fragment().is_some(), parsed.password().is_some()];
        if extras.contains(&true) || !parsed.username().is_empty() {
            return Err(refuse("one of them"));
        }
        let root = parsed.as_str().trim_end_matches('/');
        let root = root.strip_suffix("/v1").unwrap_or(root).trim_end_matches('/').to_owned();
        let (timeouts, retry) = (Timeouts::default(), Retry::default());
        Ok(Self { url: root, dialect, key: None, timeouts, retry, in_flight: 16, longest: 1 << 26 })
    }

    /// Sends the key that the environment holds under `variable`. It is shown nowhere, and sent to this address alone.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming the variable when it is unset, empty, or nothing that a header can hold.
    pub fn with_key_from(self, variable: &str) -> Result<Self> {
        let set = std::env::var(variable).unwrap_or_default();
        self.keyed(&set, || format!("a key in the environment's {}", excerpt(variable)))
    }

    /// Sends `key`. Prefer [`with_key_from`](Self::with_key_from): what stands in a program or a command line is seen by others.
    ///
    /// # Errors
    /// [`Error::Parameter`] when it is empty, or nothing that a header can hold.
    pub fn with_key(self, key: &str) -> Result<Self> {
        self.keyed(key, || "a key of visible ASCII characters without quotes and backslashes".to_owned())
    }

    fn keyed(mut self, text: &str, expected: impl FnOnce() -> String) -> Result<Self> {
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

    /// Sets what is tried again, how often, and after how long.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Sets how many requests may be in flight at once, over all models and scorers of one [`Client`](super::Client).
    ///
    /// # Errors
    /// [`Error::Parameter`] unless it is 1 to 4096.
    pub fn with_in_flight(mut self, most: usize) -> Result<Self> {
        if !(1..=4096).contains(&most) {
            let expected = "1 to 4096".to_owned();
            return Err(Error::Parameter { name: "in_flight", expected, found: most.to_string() });
        }
        self.in_flight = most;
        Ok(self)
    }

    /// Sets the longest body that is read, in bytes. 64 MiB unless said otherwise.
    pub fn with_longest(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// The address, without `/v1` and without any secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What is known of the server's kind.
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// The address of a route.
    pub(super) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// What a server said, without the key.
    pub(super) fn redacted(&self, text: &str) -> String {
        self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.redact(text))
    }

    /// The error of an answer's `field` that is not as the format demands.
    pub(super) fn format(&self, path: &str, field: &str, expected: &str, found: &str) -> RemoteError {
        RemoteError::Format {
            endpoint: self.address(path),
            field: field.to_owned(),
            expected: expected.to_owned(),
            found: if found.is_empty() { "nothing".to_owned() } else { excerpt(&self.redacted(found)) },
        }
    }
}
