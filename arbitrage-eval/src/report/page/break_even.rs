//! How often the target may be asked, and what that depends on.

use super::{Cell, Facts, Kind, Row, Table};
use crate::metrics::break_even;
use crate::report::number::{NONE, Unit};
use crate::report::step_costs::step_seconds;
use crate::report::{Benchmark, Run};

/// Seconds a step of each part, and the deferral at which they are as many as the target's alone.
pub fn table(benchmark: &Benchmark, facts: &[Facts<'_>]) -> Table {
    let head = [
        "Family",
        "breaks even at a deferral of",
        "draft writes a step, s",
        "it is judged, s",
        "target reads it, s",
        "target writes a step, s",
        "draft reads it, s",
    ];
    Table {
        title: "Break-even".to_owned(),
        caption: "What a step takes, from the runs’ own clocks. Every step is drafted (c_d) and judged (c_r). One that is accepted is \
                  read by the target (p_t); one that is deferred is written by the target (c_t) and read by the draft (p_d). Time is \
                  saved below a deferral of (c_t − c_d − c_r − p_t) / (c_t + p_d − p_t): whichever of these is large beside c_t is to \
                  blame where that is little. What guesses save is left out."
            .to_owned(),
        head: head.map(str::to_owned).into(),
        rows: benchmark.families().iter().filter_map(|family| row(family, benchmark.target()?, facts)).collect(),
        kind: Kind::Numbers,
    }
}

fn row(family: &[Run], target: &Run, facts: &[Facts<'_>]) -> Option<Row> {
    let seconds = step_seconds(family, target)?;
    let rate = match break_even(&seconds).ok()?.rate {
        None => NONE.to_owned(),
        Some(rate) if rate <= 0.0 => "none: always slower".to_owned(),
        Some(rate) if rate >= 1.0 => "any: always faster".to_owned(),
        Some(rate) => Unit::Share.show(rate),
    };
    let parts = [seconds.draft, seconds.router, seconds.target_catch_up, seconds.target, seconds.draft_catch_up];
    let parts = parts.map(|part| Cell::figure(Unit::Seconds, Some(part)));
    let cells = std::iter::once(Cell::text(rate)).chain(parts).collect();
    Some(Facts::family_row(facts, &family[0].family, cells))
}
