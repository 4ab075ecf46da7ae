//! The table of latencies.

use super::rows::run_row;
use crate::report::number::NumberFormat;
use crate::report::stats::RunStats;
use crate::report::table::{ReportTable, TableCell, TableLayout};

/// Seconds per problem, and each run's speed-up over the target alone.
pub(crate) fn table(stats: &[RunStats<'_>]) -> ReportTable {
    let head = ["Policy", "median, s", "mean, s", "90th percentile, s", "timed problems", "speed-up over the target"];
    let row = |stats: &RunStats<'_>| {
        let latency = stats.summary.latency;
        let seconds = |figure: Option<f64>| TableCell::figure(NumberFormat::Seconds, figure);
        run_row(
            stats,
            vec![
                seconds(latency.map(|latency| latency.median)),
                seconds(latency.map(|latency| latency.mean)),
                seconds(latency.map(|latency| latency.p90)),
                TableCell::count(latency.map_or(0, |latency| latency.problems)),
                TableCell::range(NumberFormat::Ratio, stats.against_target.as_ref().and_then(|against| against.speed)),
            ],
        )
    };
    ReportTable {
        title: "Latency".to_owned(),
        caption: "Seconds per problem, over the problems that ended and were not warm-up. The speed-up is the target’s mean divided by \
                  the run’s, over the problems that are timed in both, with its bootstrap interval. It does not take accuracy into \
                  account."
            .to_owned(),
        head: head.map(str::to_owned).into(),
        rows: stats.iter().map(row).collect(),
        layout: TableLayout::Numbers,
    }
}
