//! What deferral costs: time against that of the target alone.

use super::curve::families;
use super::{Figure, heading};
use crate::metrics::break_even;
use crate::report::Benchmark;
use crate::report::chart::{Axis, Guide, Mark, Plane};
use crate::report::number::{Unit, counted};
use crate::report::page::Facts;
use crate::report::step_costs::step_seconds;

const TITLE: &str = "Time against deferral";

/// Measured times relative to the target's, with the line that the parts of a step foretell.
pub fn figure(id: String, benchmark: &Benchmark, facts: &[Facts<'_>]) -> Option<Figure> {
    let series = families(facts, mark);
    if series.is_empty() {
        return None;
    }
    let lines = lines(benchmark, facts);
    let caption = format!(
        "Seconds a problem over those of the target alone, against the share of steps that the target wrote: below the level line time \
         is saved. Bars are 95% intervals over {}. Dashed in a family’s colour is what the parts of a step foretell; it breaks even \
         where it meets the level.",
        counted(benchmark.problems(), "problem")
    );
    let ends = lines.iter().flat_map(|(from, to, _)| [from.1, to.1]);
    let plane = Plane {
        heading: heading(id, TITLE, &caption),
        x: Axis::share("deferral, share of steps (1 − α)").reaching([0.0, 1.0]),
        y: Axis::new("time relative to the target alone", Unit::Share).reaching([0.0, 1.0]).reaching(ends),
        series,
        guides: [Guide::Level(1.0)]
            .into_iter()
            .chain(lines.iter().map(|(from, to, slot)| Guide::Line { from: *from, to: *to, slot: *slot }))
            .collect(),
    };
    Some(Figure { title: TITLE.to_owned(), caption, svg: plane.svg() })
}

fn mark(facts: &Facts<'_>) -> Option<Mark> {
    let (speed, accepted) = (facts.against_target.as_ref()?.speed?, facts.summary.acceptance.by_steps?);
    let (deferral, time) = (1.0 - accepted, 1.0 / speed.value);
    let (label, part) = (&facts.run.label, Unit::Share.show(time));
    let title = format!("{label}: {part} of the target’s time at {} deferral", Unit::Share.show(deferral));
    Some(Mark { at: (deferral, time), span: Some((1.0 / speed.high, 1.0 / speed.low)), title })
}

/// Both ends of each family's line, with its colour.
fn lines(benchmark: &Benchmark, facts: &[Facts<'_>]) -> Vec<((f64, f64), (f64, f64), usize)> {
    let Some(target) = benchmark.target() else { return Vec::new() };
    let line = |facts: &Facts<'_>| {
        let found = break_even(&step_seconds(benchmark.family(&facts.run.family), target)?).ok()?;
        Some((*found.line.first()?, *found.line.last()?, facts.slot))
    };
    let families = facts.chunk_by(|one, other| one.run.family == other.run.family);
    families.filter_map(|family| line(&family[0])).collect()
}
