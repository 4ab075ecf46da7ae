//! Which requests are retried, and when.
//!
//! Written by hand: `backon` adds its jitter to the delay, so that waits exceed their limit, and leaves the budget, the breaker and
//! `Retry-After` to the caller. It would replace only the three lines of [`Retry::backoff`].

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arbitrage_core::Draw;

/// How transient failures are handled: those of the connection, 429, and 5xx. Nothing else is retried.
///
/// Waits double from one attempt to the next, and each is drawn at random from its upper half, so that requests that failed together are
/// not repeated together. A server's `Retry-After` is honoured in full.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Retry {
    /// How often one request is sent at most, at least 1.
    pub attempts: u32,
    /// The first wait.
    pub first_wait: Duration,
    /// The longest wait, also of those that a server asks for.
    pub max_wait: Duration,
    /// Retries that all requests together may make. A retry spends one, and a success restores a fifth, since retries make things worse
    /// where most requests fail.
    pub budget: u32,
    /// Failures in a row after which nothing is sent for [`breaker_pause`](Self::breaker_pause).
    pub breaker_threshold: u32,
    /// How long nothing is sent then.
    pub breaker_pause: Duration,
}

impl Default for Retry {
    /// 5 attempts with waits from 0.25 s to 30 s and a budget of 100 retries; after 20 failures in a row a pause of 2 s.
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_millis(250),
            max_wait: Duration::from_secs(30),
            budget: 100,
            breaker_threshold: 20,
            breaker_pause: Duration::from_secs(2),
        }
    }
}

impl Retry {
    /// Nothing is retried.
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// Sets how often one request is sent at most.
    pub fn with_attempts(self, attempts: u32) -> Self {
        Self { attempts: attempts.max(1), ..self }
    }

    /// Sets the first and the longest wait.
    pub fn with_waits(self, first_wait: Duration, max_wait: Duration) -> Self {
        Self { first_wait, max_wait, ..self }
    }

    /// Sets how many retries all requests together may make.
    pub fn with_budget(self, budget: u32) -> Self {
        Self { budget, ..self }
    }

    /// Sets after how many failures in a row nothing is sent, and for how long.
    pub fn with_breaker(self, threshold: u32, pause: Duration) -> Self {
        Self { breaker_threshold: threshold.max(1), breaker_pause: pause, ..self }
    }

    /// The wait after attempt `attempt`, from 1, drawn from its upper half by a number in `[0, 1)`.
    pub(super) fn backoff(&self, attempt: u32, uniform: f64) -> Duration {
        let grown = self.first_wait.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(self.max_wait);
        grown.mul_f64(0.5 + 0.5 * uniform)
    }
}

/// The retries that all requests together may still make.
#[derive(Debug)]
pub(super) struct RetryBudget {
    /// In fifths of a retry.
    left: AtomicU64,
    max: u64,
}

impl RetryBudget {
    pub(super) fn new(retries: u32) -> Self {
        let max = u64::from(retries) * 5;
        Self { left: AtomicU64::new(max), max }
    }

    /// Spends a retry, if there is one left.
    pub(super) fn try_spend(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(5)).is_ok()
    }

    /// A request succeeded, which restores a fifth of a retry.
    pub(super) fn record_success(&self) {
        let add = |left: u64| (left < self.max).then_some(left + 1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok();
    }
}

/// How long a `Retry-After` header asks to wait: seconds, or a date.
pub(super) fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    match header.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(header).ok()?.duration_since(now).unwrap_or_default()),
    }
}

/// A number in `[0, 1)` that differs from process to process and from call to call.
pub(super) fn jitter() -> f64 {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let process = RandomState::new().hash_one(CALLS.fetch_add(1, Ordering::Relaxed));
    Draw::new(process).uniform()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_drawn_from_their_upper_half() {
        let retry = Retry::default().with_waits(Duration::from_millis(100), Duration::from_secs(1));
        for (attempt, grown) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (40, 1000)] {
            assert_eq!(retry.backoff(attempt, 0.0), Duration::from_millis(grown / 2));
            assert!(retry.backoff(attempt, 0.999) < Duration::from_millis(grown));
        }
    }

    #[test]
    fn a_budget_is_spent_by_retries_and_refilled_by_successes() {
        let budget = RetryBudget::new(2);
        assert_eq!([budget.try_spend(), budget.try_spend(), budget.try_spend()], [true, true, false]);
        (0..4).for_each(|_| budget.record_success());
        assert!(!budget.try_spend());
        budget.record_success();
        assert!(budget.try_spend());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let of = |text| retry_after(text, now);
        assert_eq!(of("7"), Some(Duration::from_secs(7)));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(of("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!((of("soon"), of("-1"), of("")), (None, None, None));
    }
}
