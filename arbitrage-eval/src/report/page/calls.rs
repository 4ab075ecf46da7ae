//! The table of acceptance and waste.

use super::rows::run_row;
use crate::report::number::NumberFormat;
use crate::report::stats::RunStats;
use crate::report::table::{ReportTable, TableCell, TableLayout};

/// Acceptance and waste of each run.
pub(crate) fn table(stats: &[RunStats<'_>]) -> ReportTable {
    let head = [
        "Policy",
        "acceptance, steps",
        "acceptance, tokens",
        "steps per problem",
        "waste, share of calls",
        "waste, share of steps",
        "calls scored",
    ];
    let row = |stats: &RunStats<'_>| {
        let (acceptance, waste) = (&stats.summary.acceptance, stats.summary.waste);
        let share = |figure: Option<f64>| TableCell::figure(NumberFormat::Share, figure);
        run_row(
            stats,
            vec![
                share(acceptance.by_steps),
                share(acceptance.by_tokens),
                TableCell::figure(NumberFormat::Count, acceptance.steps_a_problem),
                share(waste.and_then(|waste| waste.of_calls)),
                share(waste.and_then(|waste| waste.of_steps)),
                TableCell::text(format!("{:.0}", waste.map_or(0.0, |waste| waste.judged))),
            ],
        )
    };
    ReportTable {
        title: "Acceptance and waste".to_owned(),
        caption: "Acceptance is the draft’s share of the committed steps (the paper’s α) and of their tokens. A call of the target is \
                  wasted where its step scores no higher than the draft’s. This is known only of calls whose two steps were both \
                  scored; most policies score the draft alone, or nothing."
            .to_owned(),
        head: head.map(str::to_owned).into(),
        rows: stats.iter().map(row).collect(),
        layout: TableLayout::Numbers,
    }
}
