//! Counts of requests and tokens.

use std::sync::atomic::{AtomicU64, Ordering};

/// What one model or scorer has sent to its server so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestCounts {
    /// Requests that were sent, retries included.
    pub requests: u64,
    /// Those of them that were retries.
    pub retries: u64,
    /// Requests that failed with all their retries.
    pub failures: u64,
    /// Streams that were closed early, at the end of a step.
    pub closed_streams: u64,
    /// Tokens of all prompts, as the server counts them.
    pub prompt_tokens: u64,
    /// Those of them that the server found in its prefix cache. 0 if it does not report them.
    pub cached_tokens: u64,
    /// Tokens that the server generated.
    pub written_tokens: u64,
    /// Steps without the log-probabilities that were requested: there were none, not as many as tokens, or some were NaN.
    pub without_logprobs: u64,
}

/// [`RequestCounts`] that threads share.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub requests: Counter,
    pub retries: Counter,
    pub failures: Counter,
    pub closed_streams: Counter,
    pub prompt_tokens: Counter,
    pub cached_tokens: Counter,
    pub written_tokens: Counter,
    pub without_logprobs: Counter,
}

/// One count.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn read(&self) -> RequestCounts {
        RequestCounts {
            requests: self.requests.get(),
            retries: self.retries.get(),
            failures: self.failures.get(),
            closed_streams: self.closed_streams.get(),
            prompt_tokens: self.prompt_tokens.get(),
            cached_tokens: self.cached_tokens.get(),
            written_tokens: self.written_tokens.get(),
            without_logprobs: self.without_logprobs.get(),
        }
    }
}
