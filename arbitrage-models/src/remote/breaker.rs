//! A server that fails again and again is left alone for a while.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::retry::Retry;

/// Counts failures in a row. From [`Retry::trips_after`] on, nothing is sent for [`Retry::rest`]; then one request tries, and its
/// outcome decides for all.
#[derive(Debug)]
pub(super) struct Breaker {
    trips_after: u32,
    rest: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Until when nothing is sent, but for one request past that moment.
    until: Option<Instant>,
}

impl Breaker {
    pub fn new(retry: &Retry) -> Self {
        Self { trips_after: retry.trips_after, rest: retry.rest, state: Mutex::default() }
    }

    /// Leave to send, or the failures in a row and how long to wait.
    pub fn admit(&self, now: Instant) -> Result<(), (u32, Duration)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.until {
            Some(until) if now < until => Err((state.failures, until - now)),
            Some(_) => {
                // Others wait for this one's outcome.
                state.until = Some(now + self.rest);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// How a request ended: whether the server is to blame for a failure.
    pub fn record(&self, failed: bool, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !failed {
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= self.trips_after {
            state.until = Some(now + self.rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_failures_in_a_row_one_request_tries_for_all() {
        let rest = Duration::from_secs(10);
        let breaker = Breaker::new(&Retry::default().with_rest(3, rest));
        let start = Instant::now();
        breaker.record(true, start);
        breaker.record(true, start);
        assert!(breaker.admit(start).is_ok());
        breaker.record(true, start);
        assert_eq!(breaker.admit(start), Err((3, rest)));
        assert!(breaker.admit(start + rest).is_ok());
        assert_eq!(breaker.admit(start + rest), Err((3, rest)));
        breaker.record(false, start + rest);
        assert!(breaker.admit(start + rest).is_ok());
    }
}
