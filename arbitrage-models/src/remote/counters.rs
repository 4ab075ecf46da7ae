//! What was asked of a server, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// What one model or scorer has asked of its server so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests sent, repetitions included.
    pub requests: u64,
    /// Requests, of those, that repeated one which had failed.
    pub retries: u64,
    /// Requests that failed for good.
    pub failures: u64,
    /// Streams that were cut off behind a step's end.
    pub cut: u64,
    /// Tokens of all prompts, as the server counts them.
    pub prompt_tokens: u64,
    /// Prompt tokens, of those, that the server found in its prefix cache. 0 where it does not tell.
    pub cached_tokens: u64,
    /// Tokens written.
    pub written_tokens: u64,
    /// Steps whose log-probabilities were asked for and came not at all, in another number than the tokens, or as no numbers.
    pub without_logprobs: u64,
}

/// [`Counts`] that are still counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub requests: Counter,
    pub retries: Counter,
    pub failures: Counter,
    pub cut: Counter,
    pub prompt_tokens: Counter,
    pub cached_tokens: Counter,
    pub written_tokens: Counter,
    pub without_logprobs: Counter,
}

/// One number.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub fn read(&self) -> Counts {
        Counts {
            requests: self.requests.get(),
            retries: self.retries.get(),
            failures: self.failures.get(),
            cut: self.cut.get(),
            prompt_tokens: self.prompt_tokens.get(),
            cached_tokens: self.cached_tokens.get(),
            written_tokens: self.written_tokens.get(),
            without_logprobs: self.without_logprobs.get(),
        }
    }
}
