//! How long a problem takes.

use super::{Cell, Facts, Kind, Table};
use crate::report::number::Unit;

/// Seconds a problem, and by how much each run is faster than the target alone.
pub fn table(facts: &[Facts<'_>]) -> Table {
    let head = ["Policy", "median, s", "mean, s", "90%, s", "timed", "speed-up over the target"];
    let row = |facts: &Facts<'_>| {
        let latency = facts.summary.latency;
        let seconds = |figure: Option<f64>| Cell::figure(Unit::Seconds, figure);
        facts.row(vec![
            seconds(latency.map(|latency| latency.median)),
            seconds(latency.map(|latency| latency.mean)),
            seconds(latency.map(|latency| latency.p90)),
            Cell::count(latency.map_or(0, |latency| latency.problems)),
            Cell::range(Unit::Ratio, facts.against_target.as_ref().and_then(|against| against.speed)),
        ])
    };
    Table {
        title: "Latency".to_owned(),
        caption: "Seconds a problem, over those that ended and were not warm-up. The speed-up is the target’s mean over the run’s, on \
                  the problems that are timed under both, with its bootstrap interval; it says nothing of accuracy."
            .to_owned(),
        head: head.map(str::to_owned).into(),
        rows: facts.iter().map(row).collect(),
        kind: Kind::Numbers,
    }
}
