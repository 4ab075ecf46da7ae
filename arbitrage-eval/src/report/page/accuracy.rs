//! How many are right.

use super::{Cell, Facts, Table};
use crate::report::number::Unit;

/// Outcomes and accuracy of each run, and how it differs from the target alone.
pub fn table(facts: &[Facts<'_>]) -> Table {
    let head =
        ["Policy", "right", "wrong", "errored", "accuracy", "less the target’s, points", "only it", "only target", "p"];
    let row = |facts: &Facts<'_>| {
        let (outcomes, against) = (&facts.summary.outcomes, facts.against_target.as_ref());
        let alone = |count: usize| Cell::figure(Unit::Count, (against.is_some()).then_some(count as f64));
        facts.row(vec![
            Cell::count(outcomes.right),
            Cell::count(outcomes.wrong),
            Cell::count(outcomes.errored),
            Cell::range(Unit::Share, facts.summary.accuracy),
            Cell::range(Unit::Points, against.and_then(|against| against.difference)),
            against.map_or_else(|| alone(0), |against| Cell::count(against.pairs.first_only)),
            against.map_or_else(|| alone(0), |against| Cell::count(against.pairs.second_only)),
            Cell::figure(Unit::Probability, against.and_then(|against| Some(against.test?.mid))),
        ])
    };
    Table {
        title: "Accuracy".to_owned(),
        caption: "Right answers among those that did not error, with Wilson’s 95% interval. Differences are paired: bootstrap over \
                  problems, which one of the two alone solved, and McNemar’s mid-p of that."
            .to_owned(),
        head: head.map(str::to_owned).into(),
        rows: facts.iter().map(row).collect(),
        numeric: true,
    }
}
