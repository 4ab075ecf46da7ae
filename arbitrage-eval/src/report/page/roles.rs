//! The table of time and tokens by role.

use super::rows::run_row;
use crate::metrics::{RoleMeans, Roles};
use crate::report::number::NumberFormat;
use crate::report::stats::RunStats;
use crate::report::table::{ReportTable, TableCell, TableLayout};

/// Mean seconds and tokens per problem of each role.
pub(crate) fn table(stats: &[RunStats<'_>]) -> ReportTable {
    let head = [
        "Policy",
        "draft decode, s",
        "draft prefill, s",
        "target decode, s",
        "target prefill, s",
        "router and scorer, s",
        "draft tokens",
        "committed",
        "prefilled",
        "target tokens",
        "committed",
        "prefilled",
    ];
    let row = |stats: &RunStats<'_>| {
        let roles = stats.summary.roles;
        let models: [fn(&Roles) -> &RoleMeans; 2] = [|roles| &roles.draft, |roles| &roles.target];
        let figure = |format, model: fn(&Roles) -> &RoleMeans, of: fn(&RoleMeans) -> f64| {
            TableCell::figure(format, roles.as_ref().map(|roles| of(model(roles))))
        };
        let mut cells = Vec::new();
        for model in models {
            cells.push(figure(NumberFormat::Seconds, model, |means| means.seconds - means.reading_seconds));
            cells.push(figure(NumberFormat::Seconds, model, |means| means.reading_seconds));
        }
        cells.push(TableCell::figure(NumberFormat::Seconds, roles.as_ref().map(|roles| roles.router_seconds)));
        for model in models {
            cells.push(figure(NumberFormat::Count, model, |means| means.written));
            cells.push(figure(NumberFormat::Count, model, |means| means.kept));
            cells.push(figure(NumberFormat::Count, model, |means| means.read));
        }
        run_row(stats, cells)
    };
    ReportTable {
        title: "Time and tokens by role".to_owned(),
        caption: "Means per problem, over the timed problems. A model prefills prompts and the steps that the other model wrote. Tokens \
                  include those of rejected steps."
            .to_owned(),
        head: head.map(str::to_owned).into(),
        rows: stats.iter().map(row).collect(),
        layout: TableLayout::Numbers,
    }
}
