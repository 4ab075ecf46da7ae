//! A circuit breaker: a server that keeps failing gets no requests for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::retry::Retry;

/// Counts failures in a row. From [`Retry::breaker_threshold`] on, nothing is sent for [`Retry::breaker_pause`]; then one request is let
/// through, and its outcome decides for all.
#[derive(Debug)]
pub(super) struct Breaker {
    threshold: u32,
    pause: Duration,
    state: Mutex<BreakerState>,
}

#[derive(Debug, Default)]
struct BreakerState {
    failures: u32,
    /// Nothing is sent until then, and after that only one request at a time.
    open_until: Option<Instant>,
}

/// Why a request is not sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CircuitOpen {
    /// Failures in a row.
    pub failures: u32,
    /// Until a request may be sent.
    pub wait: Duration,
}

impl Breaker {
    pub(super) fn new(retry: &Retry) -> Self {
        Self { threshold: retry.breaker_threshold, pause: retry.breaker_pause, state: Mutex::default() }
    }

    /// Whether a request may be sent.
    pub(super) fn admit(&self, now: Instant) -> Result<(), CircuitOpen> {
        let mut state = self.state();
        match state.open_until {
            Some(until) if now < until => Err(CircuitOpen { failures: state.failures, wait: until - now }),
            Some(_) => {
                // The others wait for the outcome of this one.
                state.open_until = Some(now + self.pause);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A request ended, and not by a fault of the server.
    pub(super) fn record_success(&self) {
        *self.state() = BreakerState::default();
    }

    /// A request failed by a fault of the server.
    pub(super) fn record_failure(&self, now: Instant) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= self.threshold {
            state.open_until = Some(now + self.pause);
        }
    }

    fn state(&self) -> MutexGuard<'_, BreakerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_failures_in_a_row_one_request_tries_for_all() {
        let pause = Duration::from_secs(10);
        let breaker = Breaker::new(&Retry::default().with_breaker(3, pause));
        let start = Instant::now();
        breaker.record_failure(start);
        breaker.record_failure(start);
        assert!(breaker.admit(start).is_ok());
        breaker.record_failure(start);
        let open = CircuitOpen { failures: 3, wait: pause };
        assert_eq!(breaker.admit(start), Err(open));
        assert!(breaker.admit(start + pause).is_ok());
        assert_eq!(breaker.admit(start + pause), Err(CircuitOpen { failures: 3, wait: pause }));
        breaker.record_success();
        assert!(breaker.admit(start + pause).is_ok());
    }
}
