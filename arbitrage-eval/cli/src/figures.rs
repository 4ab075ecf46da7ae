//! Numbers as tables and summaries show them.

use arbitrage_router::metrics::Interval;

/// The number as `format` writes it, or a dash where there is none.
pub(crate) fn or_dash<T>(number: Option<T>, format: impl FnOnce(T) -> String) -> String {
    number.map_or_else(|| "–".to_owned(), format)
}

/// A share in percent with one decimal, or a dash.
pub(crate) fn percent(share: Option<f64>) -> String {
    or_dash(share, |share| format!("{:.1}%", 100.0 * share))
}

/// The number with its interval in brackets, or a dash.
pub(crate) fn with_interval(interval: Option<Interval>) -> String {
    or_dash(interval, |interval| interval.to_string())
}
