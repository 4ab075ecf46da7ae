//! Time relative to the target alone, against deferral.

use super::curve::families;
use super::{Figure, heading};
use crate::metrics::break_even;
use crate::report::BenchmarkRuns;
use crate::report::chart::{Axis, Guide, Mark, ScatterPlot};
use crate::report::number::{NumberFormat, counted};
use crate::report::stats::RunStats;
use crate::report::step_costs::step_seconds;

const TITLE: &str = "Time against deferral";

/// Measured times relative to the target's, with the line that is predicted from the parts of a step.
pub(crate) fn figure(id: String, benchmark: &BenchmarkRuns, stats: &[RunStats<'_>]) -> Option<Figure> {
    let series = families(stats, mark);
    if series.is_empty() {
        return None;
    }
    let lines = lines(benchmark, stats);
    let caption = format!(
        "Seconds per problem relative to the target alone, against the share of steps that the target wrote; below the horizontal \
         line time is saved. Bars are 95% intervals over {}. Dashed lines in a family’s colour are predictions from the parts of a \
         step; a family breaks even where its line meets the horizontal one.",
        counted(benchmark.problems(), "problem")
    );
    let ends = lines.iter().flat_map(PredictedLine::ends);
    let plot = ScatterPlot {
        heading: heading(id, TITLE, &caption),
        x: Axis::share("deferral, share of steps (1 − α)").reaching([0.0, 1.0]),
        y: Axis::new("time relative to the target alone", NumberFormat::Share).reaching([0.0, 1.0]).reaching(ends),
        series,
        guides: std::iter::once(Guide::Level(1.0)).chain(lines.iter().map(PredictedLine::guide)).collect(),
    };
    Some(Figure { title: TITLE.to_owned(), caption, svg: plot.svg() })
}

fn mark(stats: &RunStats<'_>) -> Option<Mark> {
    let (speed, accepted) = (stats.against_target.as_ref()?.speed?, stats.summary.acceptance.by_steps?);
    let (deferral, time) = (1.0 - accepted, 1.0 / speed.value);
    let (label, part) = (&stats.run.label, NumberFormat::Share.show(time));
    let title = format!("{label}: {part} of the target’s time at {} deferral", NumberFormat::Share.show(deferral));
    Some(Mark { at: (deferral, time), span: Some((1.0 / speed.high, 1.0 / speed.low)), title })
}

/// The predicted relative times of a family at deferrals of 0 and 1.
struct PredictedLine {
    from: (f64, f64),
    to: (f64, f64),
    slot: usize,
}

impl PredictedLine {
    fn new(benchmark: &BenchmarkRuns, stats: &RunStats<'_>) -> Option<Self> {
        let seconds = step_seconds(benchmark.family(&stats.run.family), benchmark.target()?)?;
        let line = break_even(&seconds).ok()?.line;
        Some(Self { from: *line.first()?, to: *line.last()?, slot: stats.slot })
    }

    fn ends(&self) -> [f64; 2] {
        [self.from.1, self.to.1]
    }

    fn guide(&self) -> Guide {
        Guide::Line { from: self.from, to: self.to, slot: self.slot }
    }
}

/// One line per family.
fn lines(benchmark: &BenchmarkRuns, stats: &[RunStats<'_>]) -> Vec<PredictedLine> {
    let families = stats.chunk_by(|one, other| one.run.family == other.run.family);
    families.filter_map(|family| PredictedLine::new(benchmark, &family[0])).collect()
}
