//! Tables of figures.

use serde::Serialize;

use crate::metrics::Range;
use crate::report::number::{NONE, Unit};

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// How its figures are to be read.
    pub caption: String,
    /// The columns' names, the rows' own first.
    pub head: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
    /// How its cells are set.
    pub kind: Kind,
}

/// How a table is set. Templates know it by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Its cells are numbers.
    Numbers,
    /// Its cells are numbers, and so many have intervals that these stand below them.
    Wide,
    /// Its cells are text.
    Words,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// The colour of its family.
    pub slot: Option<usize>,
    /// Its cells.
    pub cells: Vec<Cell>,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The figure.
    pub text: String,
    /// How sure it is.
    pub interval: Option<String>,
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), interval: None }
    }

    /// A whole number.
    pub fn count(count: usize) -> Self {
        Self::text(count.to_string())
    }

    /// A figure, or that there is none.
    pub fn figure(unit: Unit, value: Option<f64>) -> Self {
        Self::text(value.map_or_else(|| NONE.to_owned(), |value| unit.show(value)))
    }

    /// A figure with its interval, or that there is none.
    pub fn range(unit: Unit, range: Option<Range>) -> Self {
        let Some(range) = range else { return Self::text(NONE) };
        let interval = format!("[{}, {}]", unit.show(range.low), unit.show(range.high));
        Self { text: unit.show(range.value), interval: Some(interval) }
    }
}
