//! Who wrote, and which calls were in vain.

use super::{Cell, Facts, Kind, Table};
use crate::report::number::Unit;

/// Acceptance and waste of each run.
pub fn table(facts: &[Facts<'_>]) -> Table {
    let head = [
        "Policy",
        "acceptance, steps",
        "acceptance, tokens",
        "steps a problem",
        "waste, of calls",
        "waste, of steps",
        "calls judged",
    ];
    let row = |facts: &Facts<'_>| {
        let (acceptance, waste) = (&facts.summary.acceptance, facts.summary.waste);
        let share = |figure: Option<f64>| Cell::figure(Unit::Share, figure);
        facts.row(vec![
            share(acceptance.by_steps),
            share(acceptance.by_tokens),
            Cell::figure(Unit::Count, acceptance.steps_a_problem),
            share(waste.and_then(|waste| waste.of_calls)),
            share(waste.and_then(|waste| waste.of_steps)),
            Cell::text(format!("{:.0}", waste.map_or(0.0, |waste| waste.judged))),
        ])
    };
    Table {
        title: "Acceptance and waste".to_owned(),
        caption: "Shares of what was committed that the draft wrote: of steps (the paper’s α) and of tokens. A call of the target is in \
                  vain where its step scores no higher than the draft’s, which is known only of calls that were judged: lazy runs \
                  score the draft alone, or nothing."
            .to_owned(),
        head: head.map(str::to_owned).into(),
        rows: facts.iter().map(row).collect(),
        kind: Kind::Numbers,
    }
}
