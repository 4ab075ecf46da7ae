//! A figure with its interval.

use std::fmt;

use arbitrage_router::metrics::Interval;
use serde::{Deserialize, Serialize};

/// A figure with a 95% interval, or one of the level of the [`Bootstrap`](arbitrage_router::metrics::Bootstrap) that it was computed with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IntervalEstimate {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Number of resamples in which the figure was undefined; the interval is over the others.
    #[serde(default)]
    pub undefined: usize,
}

impl IntervalEstimate {
    /// A figure whose interval is computed by a formula, not by resampling.
    pub(super) fn exact(value: f64, low: f64, high: f64) -> Self {
        Self { value, low, high, undefined: 0 }
    }
}

impl From<Interval> for IntervalEstimate {
    fn from(interval: Interval) -> Self {
        let Interval { value, low, high, undefined, .. } = interval;
        Self { value, low, high, undefined }
    }
}

impl fmt::Display for IntervalEstimate {
    /// `0.500 [0.401, 0.599]`, or with as many decimals as the format asks for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(3);
        write!(f, "{:.decimals$} [{:.decimals$}, {:.decimals$}]", self.value, self.low, self.high)
    }
}
