//! The escalation rate up to which time is saved.

use arbitrage_router::calibrate::{CalibrateError, StepSeconds};
use serde::{Deserialize, Serialize};

/// Number of intervals between points of the line.
const INTERVALS: u32 = 20;

/// The time of a step relative to the target alone, `(c_d + c_r + e·(c_t + p_d) + (1 − e)·p_t) / c_t`, over escalation rates `e`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BreakEven {
    /// The rate at which the time equals that of the target alone; below it, time is saved. It is below 0 where no rate saves time and
    /// above 1 where every rate does; `None` where the time does not depend on the rate.
    pub rate: Option<f64>,
    /// Pairs of escalation rate, from 0 to 1, and relative time.
    pub line: Vec<(f64, f64)>,
}

/// The break-even line of one pair of models on one machine.
///
/// # Errors
/// [`CalibrateError::Parameter`] for times that are NaN, infinite or negative.
pub fn break_even(seconds: &StepSeconds) -> Result<BreakEven, CalibrateError> {
    seconds.check()?;
    let rates = (0..=INTERVALS).map(|part| f64::from(part) / f64::from(INTERVALS));
    Ok(BreakEven { rate: seconds.break_even(), line: rates.map(|rate| (rate, seconds.relative(rate))).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_crosses_one_at_the_rate() {
        let seconds =
            StepSeconds { draft: 0.25, router: 0.0625, target: 1.0, target_catch_up: 0.125, draft_catch_up: 0.0625 };
        let found = break_even(&seconds).unwrap();
        assert_eq!((found.rate, found.line.len()), (Some(0.6), 21));
        assert!(found.line.iter().all(|(rate, time)| (*rate < 0.6) == (*time < 1.0 - 1e-9)), "{found:?}");
        assert!(break_even(&StepSeconds { target: 0.0, ..seconds }).is_err());
    }
}
