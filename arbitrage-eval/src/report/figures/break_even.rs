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
    let ends = lines.iter().flat_map(Line::ends);
    let plane = Plane {
        heading: heading(id, TITLE, &caption),
        x: Axis::share("deferral, share of steps (1 − α)").reaching([0.0, 1.0]),
        y: Axis::new("time relative to the target alone", Unit::Share).reaching([0.0, 1.0]).reaching(ends),
        series,
        guides: std::iter::once(Guide::Level(1.0)).chain(lines.iter().map(Line::guide)).collect(),
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

/// What is foretold of a family at deferrals of 0 and 1.
struct Line {
    from: (f64, f64),
    to: (f64, f64),
    slot: usize,
}

impl Line {
    fn new(benchmark: &Benchmark, facts: &Facts<'_>) -> Option<Self> {
        let seconds = step_seconds(benchmark.family(&facts.run.family), benchmark.target()?)?;
        let line = break_even(&seconds).ok()?.line;
        Some(Self { from: *line.first()?, to: *line.last()?, slot: facts.slot })
    }

    fn ends(&self) -> [f64; 2] {
        [self.from.1, self.to.1]
    }

    fn guide(&self) -> Guide {
        Guide::Line { from: self.from, to: self.to, slot: self.slot }
    }
}

/// A line a family.
fn lines(benchmark: &Benchmark, facts: &[Facts<'_>]) -> Vec<Line> {
    let families = facts.chunk_by(|one, other| one.run.family == other.run.family);
    families.filter_map(|family| Line::new(benchmark, &family[0])).collect()
}
