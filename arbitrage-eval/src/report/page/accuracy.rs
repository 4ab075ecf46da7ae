//! The table of accuracies.

use super::rows::run_row;
use crate::metrics::PairedOutcomes;
use crate::report::number::NumberFormat;
use crate::report::stats::RunStats;
use crate::report::table::{ReportTable, TableCell, TableLayout};

/// Accuracy and outcomes of each run, compared with the target alone.
pub(crate) fn table(stats: &[RunStats<'_>]) -> ReportTable {
    let head = [
        "Policy",
        "accuracy",
        "minus the target’s, points",
        "p",
        "only this run",
        "only target",
        "right",
        "wrong",
        "errored",
    ];
    let row = |stats: &RunStats<'_>| {
        let (outcomes, against) = (&stats.summary.outcomes, stats.against_target.as_ref());
        let solved_alone = |count: fn(&PairedOutcomes) -> usize| match against {
            Some(against) => TableCell::count(count(&against.pairs)),
            None => TableCell::figure(NumberFormat::Count, None),
        };
        run_row(
            stats,
            vec![
                TableCell::range(NumberFormat::Share, stats.summary.accuracy),
                TableCell::range(NumberFormat::Points, against.and_then(|against| against.difference)),
                TableCell::figure(NumberFormat::PValue, against.and_then(|against| Some(against.test?.mid))),
                solved_alone(|pairs| pairs.first_only),
                solved_alone(|pairs| pairs.second_only),
                TableCell::count(outcomes.right),
                TableCell::count(outcomes.wrong),
                TableCell::count(outcomes.errored),
            ],
        )
    };
    ReportTable {
        title: "Accuracy".to_owned(),
        caption: "Share of right answers among the problems that did not error, with Wilson’s 95% interval. The difference from the \
                  target is paired by problem, with a bootstrap interval over problems. “Only” counts the problems that one of the \
                  two solved alone; p is McNemar’s mid-p-value for these counts."
            .to_owned(),
        head: head.map(str::to_owned).into(),
        rows: stats.iter().map(row).collect(),
        layout: TableLayout::Numbers,
    }
}
