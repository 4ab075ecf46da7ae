//! How many are right.

use super::{Cell, Facts, Kind, Table};
use crate::metrics::Pairs;
use crate::report::number::Unit;

/// Outcomes and accuracy of each run, and how it differs from the target alone.
pub fn table(facts: &[Facts<'_>]) -> Table {
    let head =
        ["Policy", "accuracy", "less the target’s, points", "p", "only it", "only target", "right", "wrong", "errored"];
    let row = |facts: &Facts<'_>| {
        let (outcomes, against) = (&facts.summary.outcomes, facts.against_target.as_ref());
        let alone = |count: fn(&Pairs) -> usize| match against {
            Some(against) => Cell::count(count(&against.pairs)),
            None => Cell::figure(Unit::Count, None),
        };
        facts.row(vec![
            Cell::range(Unit::Share, facts.summary.accuracy),
            Cell::range(Unit::Points, against.and_then(|against| against.difference)),
            Cell::figure(Unit::Probability, against.and_then(|against| Some(against.test?.mid))),
            alone(|pairs| pairs.first_only),
            alone(|pairs| pairs.second_only),
            Cell::count(outcomes.right),
            Cell::count(outcomes.wrong),
            Cell::count(outcomes.errored),
        ])
    };
    Table {
        title: "Accuracy".to_owned(),
        caption: "Right answers among those that did not error, with Wilson’s 95% interval. Differences are paired: bootstrap over \
                  problems, which one of the two alone solved, and McNemar’s mid-p of that."
            .to_owned(),
        head: head.map(str::to_owned).into(),
        rows: facts.iter().map(row).collect(),
        kind: Kind::Numbers,
    }
}
