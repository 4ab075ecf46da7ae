//! Table rows of runs and of families.

use crate::report::chart::COLOURS;
use crate::report::stats::RunStats;
use crate::report::table::{TableCell, TableRow};

/// The row of a run.
pub(super) fn run_row(stats: &RunStats<'_>, cells: Vec<TableCell>) -> TableRow {
    TableRow { name: stats.run.label.clone(), slot: Some(stats.slot % COLOURS), cells }
}

/// The row of a family, in the colour of its runs.
pub(super) fn family_row(stats: &[RunStats<'_>], family: &str, cells: Vec<TableCell>) -> TableRow {
    let slot = stats.iter().find(|stats| stats.run.family == family).map(|stats| stats.slot % COLOURS);
    TableRow { name: family.to_owned(), slot, cells }
}
