//! A figure with its interval.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A figure with a 95% interval, or one of the level of the [`Bootstrap`](super::Bootstrap) that it was computed with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interval {
    /// The figure of all examples.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Number of resamples in which the figure is undefined; the interval is over the others.
    #[serde(default)]
    pub undefined: usize,
}

impl Interval {
    /// A figure whose interval is computed by a formula, not by resampling.
    pub fn exact(value: f64, low: f64, high: f64) -> Self {
        Self { value, low, high, undefined: 0 }
    }
}

impl fmt::Display for Interval {
    /// `0.500 [0.401, 0.599]`, or with as many decimals as the format asks for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(3);
        write!(f, "{:.decimals$} [{:.decimals$}, {:.decimals$}]", self.value, self.low, self.high)
    }
}
