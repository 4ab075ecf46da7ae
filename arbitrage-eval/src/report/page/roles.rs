//! Whose time and tokens.

use super::{Cell, Facts, Kind, Table};
use crate::metrics::RoleMeans;
use crate::report::number::Unit;

/// Mean seconds and tokens a problem of each role.
pub fn table(facts: &[Facts<'_>]) -> Table {
    let head = [
        "Policy",
        "draft decodes, s",
        "draft catches up, s",
        "target decodes, s",
        "target catches up, s",
        "router and scorer, s",
        "draft’s tokens",
        "kept",
        "read",
        "target’s tokens",
        "kept",
        "read",
    ];
    let row = |facts: &Facts<'_>| {
        let roles = facts.summary.roles;
        let role = |of: fn(&RoleMeans) -> f64, unit, is_draft: bool| {
            Cell::figure(unit, roles.as_ref().map(|roles| of(if is_draft { &roles.draft } else { &roles.target })))
        };
        let decodes = |means: &RoleMeans| means.seconds - means.reading_seconds;
        let mut cells = Vec::new();
        for is_draft in [true, false] {
            cells.push(role(decodes, Unit::Seconds, is_draft));
            cells.push(role(|means| means.reading_seconds, Unit::Seconds, is_draft));
        }
        cells.push(Cell::figure(Unit::Seconds, roles.as_ref().map(|roles| roles.router_seconds)));
        for is_draft in [true, false] {
            cells.push(role(|means| means.written, Unit::Count, is_draft));
            cells.push(role(|means| means.kept, Unit::Count, is_draft));
            cells.push(role(|means| means.read, Unit::Count, is_draft));
        }
        facts.row(cells)
    };
    Table {
        title: "Time and tokens by role".to_owned(),
        caption: "Means a problem, over those that are timed. A model catches up with prompts and with steps that it did not write; \
                  tokens read are those of the same. Tokens written are those of rejected steps too."
            .to_owned(),
        head: head.map(str::to_owned).into(),
        rows: facts.iter().map(row).collect(),
        kind: Kind::Numbers,
    }
}
