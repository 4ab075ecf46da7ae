//! Tables of figures.

use serde::Serialize;

use super::number::{MISSING, NumberFormat};
use arbitrage_router::metrics::Interval;

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ReportTable {
    /// What it shows.
    pub title: String,
    /// How its figures are to be read.
    pub caption: String,
    /// The headings of the columns, beginning with that of the rows' names.
    pub head: Vec<String>,
    /// The rows.
    pub rows: Vec<TableRow>,
    /// How its cells are aligned.
    pub layout: TableLayout,
}

/// How the cells of a table are aligned. Templates use its name as a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TableLayout {
    /// Numbers.
    Numbers,
    /// Numbers with so many intervals that these are put below them.
    Wide,
    /// Text.
    Words,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct TableRow {
    /// Its name.
    pub name: String,
    /// Index of its family's colour.
    pub slot: Option<usize>,
    /// Its cells.
    pub cells: Vec<TableCell>,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct TableCell {
    /// The figure.
    pub text: String,
    /// Its confidence interval.
    pub interval: Option<String>,
}

impl TableCell {
    /// A text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), interval: None }
    }

    /// A whole number.
    pub(crate) fn count(count: usize) -> Self {
        Self::text(count.to_string())
    }

    /// A figure, or a dash.
    pub(crate) fn figure(format: NumberFormat, value: Option<f64>) -> Self {
        Self::text(value.map_or_else(|| MISSING.to_owned(), |value| format.show(value)))
    }

    /// A figure with its interval, or a dash.
    pub(crate) fn range(format: NumberFormat, range: Option<Interval>) -> Self {
        let Some(range) = range else { return Self::text(MISSING) };
        let interval = format!("[{}, {}]", format.show(range.low), format.show(range.high));
        Self { text: format.show(range.value), interval: Some(interval) }
    }
}
