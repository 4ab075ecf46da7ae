//! Numbers as tables and summaries show them.

use arbitrage_router::metrics::Interval;
use serde::Serialize;

/// The number as `format` writes it, or a dash where there is none.
pub(crate) fn or_dash<T>(number: Option<T>, format: impl FnOnce(T) -> String) -> String {
    number.map_or_else(|| "–".to_owned(), format)
}

/// A share in percent with one decimal, or a dash.
pub(crate) fn percent(share: Option<f64>) -> String {
    or_dash(share, |share| format!("{:.1}%", 100.0 * share))
}

/// A number with its confidence interval.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct ConfidenceInterval {
    value: f64,
    low: f64,
    high: f64,
}

impl From<Interval> for ConfidenceInterval {
    fn from(interval: Interval) -> Self {
        Self { value: interval.value, low: interval.low, high: interval.high }
    }
}

/// The number with its interval in brackets, or a dash.
pub(crate) fn with_interval(interval: Option<impl Into<ConfidenceInterval>>) -> String {
    or_dash(interval.map(Into::into), |ConfidenceInterval { value, low, high }| {
        format!("{value:.3} [{low:.3}, {high:.3}]")
    })
}
