//! How often the target may be asked.

use arbitrage_router::calibrate::{CalibrateError, StepSeconds};
use serde::{Deserialize, Serialize};

/// Intervals of the line.
const PARTS: u32 = 20;

/// The time of a step relative to the target alone, `(c_d + c_r + e·(c_t + p_d) + (1 − e)·p_t) / c_t`, over escalation rates `e`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BreakEven {
    /// The rate at which nothing is gained: below it, time is saved. Below 0 where no rate saves any, above 1 where every rate does;
    /// `None` where the rate is of no account.
    pub rate: Option<f64>,
    /// Rates from 0 to 1, each with its relative time.
    pub line: Vec<(f64, f64)>,
}

/// The break-even line of one pair of models on one machine.
///
/// # Errors
/// [`CalibrateError::Parameter`] for times that are none.
pub fn break_even(seconds: &StepSeconds) -> Result<BreakEven, CalibrateError> {
    seconds.check()?;
    let rates = (0..=PARTS).map(|part| f64::from(part) / f64::from(PARTS));
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
