//! What is tried again, and when.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arbitrage_core::Draw;

/// How failures that may pass are met: those of the connection, 429, and 5xx. Nothing else is tried again.
///
/// Waits double from one try to the next, and each is drawn at random from its upper half, so that requests which failed together do
/// not come back together. A server's `Retry-After` is honoured in full.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Retry {
    /// Times that one request is sent, at least 1.
    pub attempts: u32,
    /// The first wait.
    pub first_wait: Duration,
    /// The longest wait, and the longest that a server may ask for.
    pub longest_wait: Duration,
    /// Repetitions that all requests together may have at once. A repetition takes one, a success gives a fifth back: where most
    /// requests fail, repeating them makes it worse.
    pub budget: u32,
    /// Failures in a row after which the server is left alone for [`rest`](Self::rest).
    pub trips_after: u32,
    /// How long.
    pub rest: Duration,
}

impl Default for Retry {
    /// 5 times, after 0.25 s to 30 s, with a budget of 100; 20 failures in a row bring a rest of 2 s.
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(30),
            budget: 100,
            trips_after: 20,
            rest: Duration::from_secs(2),
        }
    }
}

impl Retry {
    /// Nothing is tried again.
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// Sets how often one request is sent.
    pub fn with_attempts(self, attempts: u32) -> Self {
        Self { attempts: attempts.max(1), ..self }
    }

    /// Sets the first and the longest wait.
    pub fn with_waits(self, first_wait: Duration, longest_wait: Duration) -> Self {
        Self { first_wait, longest_wait, ..self }
    }

    /// Sets how many repetitions all requests together may have at once.
    pub fn with_budget(self, budget: u32) -> Self {
        Self { budget, ..self }
    }

    /// Sets after how many failures in a row the server is left alone, and for how long.
    pub fn with_rest(self, trips_after: u32, rest: Duration) -> Self {
        Self { trips_after: trips_after.max(1), rest, ..self }
    }

    /// The wait before try `attempt`, from 1, drawn from the upper half of what it has grown to.
    pub(super) fn wait(&self, attempt: u32, uniform: f64) -> Duration {
        let grown = self.first_wait.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(self.longest_wait);
        grown.mul_f64(0.5 + 0.5 * uniform)
    }
}

/// What may be spent on repetition, over all requests.
#[derive(Debug)]
pub(super) struct Budget {
    /// In fifths of a repetition.
    left: AtomicU64,
    most: u64,
}

impl Budget {
    pub fn new(repetitions: u32) -> Self {
        let most = u64::from(repetitions) * 5;
        Self { left: AtomicU64::new(most), most }
    }

    /// Whether a repetition may be had; it is then spent.
    pub fn take(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(5)).is_ok()
    }

    /// A request succeeded.
    pub fn give(&self) {
        let add = |left: u64| (left < self.most).then_some(left + 1);
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
    fn waits_double_within_their_half_up_to_the_longest() {
        let retry = Retry::default().with_waits(Duration::from_millis(100), Duration::from_secs(1));
        for (attempt, grown) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (40, 1000)] {
            assert_eq!(retry.wait(attempt, 0.0), Duration::from_millis(grown / 2));
            assert!(retry.wait(attempt, 0.999) < Duration::from_millis(grown));
        }
    }

    #[test]
    fn a_budget_is_spent_by_repetition_and_refilled_by_success() {
        let budget = Budget::new(2);
        assert_eq!([budget.take(), budget.take(), budget.take()], [true, true, false]);
        (0..4).for_each(|_| budget.give());
        assert!(!budget.take());
        budget.give();
        assert!(budget.take());
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
