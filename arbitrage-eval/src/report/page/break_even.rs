//! The table of break-even deferrals.

use super::rows::family_row;
use crate::metrics::break_even;
use crate::report::number::{MISSING, NumberFormat};
use crate::report::stats::RunStats;
use crate::report::step_costs::step_seconds;
use crate::report::table::{ReportTable, TableCell, TableLayout, TableRow};
use crate::report::{BenchmarkRuns, PolicyRun};

/// Mean seconds of the parts of a step by family, and the deferral up to which time is saved.
pub(crate) fn table(benchmark: &BenchmarkRuns, stats: &[RunStats<'_>]) -> ReportTable {
    let head = [
        "Family",
        "break-even deferral",
        "draft decode (c_d), s",
        "decision (c_r), s",
        "target prefill (p_t), s",
        "target decode (c_t), s",
        "draft prefill (p_d), s",
    ];
    ReportTable {
        title: "Break-even".to_owned(),
        caption: "Mean seconds per step, measured in the runs. Every step is drafted (c_d) and decided on (c_r). An accepted step is \
                  read by the target (p_t); a deferred one is written by the target (c_t) and read by the draft (p_d). Time is saved \
                  below a deferral of (c_t − c_d − c_r − p_t) / (c_t + p_d − p_t). Savings of speculative tokens are not included."
            .to_owned(),
        head: head.map(str::to_owned).into(),
        rows: benchmark.families().iter().filter_map(|family| row(family, benchmark.target()?, stats)).collect(),
        layout: TableLayout::Numbers,
    }
}

fn row(family: &[PolicyRun], target: &PolicyRun, stats: &[RunStats<'_>]) -> Option<TableRow> {
    let seconds = step_seconds(family, target)?;
    let rate = match break_even(&seconds).ok()?.rate {
        None => MISSING.to_owned(),
        Some(rate) if rate <= 0.0 => "none: always slower".to_owned(),
        Some(rate) if rate >= 1.0 => "any: always faster".to_owned(),
        Some(rate) => NumberFormat::Share.show(rate),
    };
    let parts = [seconds.draft, seconds.router, seconds.target_catch_up, seconds.target, seconds.draft_catch_up];
    let parts = parts.map(|part| TableCell::figure(NumberFormat::Seconds, Some(part)));
    let cells = std::iter::once(TableCell::text(rate)).chain(parts).collect();
    Some(family_row(stats, &family[0].family, cells))
}
