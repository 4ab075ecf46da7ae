//! A figure and how sure it is.

use std::fmt;

use arbitrage_router::metrics::Interval;
use serde::{Deserialize, Serialize};

/// A figure with a 95% interval, or that of the [`Bootstrap`](arbitrage_router::metrics::Bootstrap) that it was made with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Range {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Resamples in which the figure did not exist; the interval is over the others.
    #[serde(default)]
    pub undefined: usize,
}

impl Range {
    /// A figure whose interval is known by a formula.
    pub(super) fn exact(value: f64, low: f64, high: f64) -> Self {
        Self { value, low, high, undefined: 0 }
    }
}

impl From<Interval> for Range {
    fn from(interval: Interval) -> Self {
        let Interval { value, low, high, undefined, .. } = interval;
        Self { value, low, high, undefined }
    }
}

impl fmt::Display for Range {
    /// `0.500 [0.401, 0.599]`, or with as many decimals as the format asks for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = f.precision().unwrap_or(3);
        write!(f, "{:.places$} [{:.places$}, {:.places$}]", self.value, self.low, self.high)
    }
}
