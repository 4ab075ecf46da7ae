//! Accuracy against acceptance and latency, one curve per family.

use super::{Figure, heading};
use crate::report::chart::{Axis, Guide, Mark, ScatterPlot, Series};
use crate::report::number::{NumberFormat, counted};
use crate::report::stats::RunStats;
use crate::report::{BenchmarkRuns, PolicyRun};

/// Accuracy against acceptance.
pub(crate) fn by_acceptance(id: String, benchmark: &BenchmarkRuns, stats: &[RunStats<'_>]) -> Option<Figure> {
    let axis = Axis::share("acceptance, share of steps").reaching([0.0, 1.0]);
    let caption = "Share of right answers against the share of steps that the draft wrote (α), one curve per family of policies, over \
                   its thresholds";
    let text = FigureText { id, title: "Accuracy against acceptance", caption };
    figure(text, benchmark, stats, axis, |stats| stats.summary.acceptance.by_steps)
}

/// Accuracy against latency.
pub(crate) fn by_latency(id: String, benchmark: &BenchmarkRuns, stats: &[RunStats<'_>]) -> Option<Figure> {
    let axis = Axis::new("mean latency, seconds per problem", NumberFormat::Seconds).reaching([0.0]);
    let caption = "Share of right answers against mean seconds per problem, one curve per family of policies, over its thresholds; \
                   towards the upper left is better";
    let text = FigureText { id, title: "Accuracy against latency", caption };
    figure(text, benchmark, stats, axis, |stats| Some(stats.summary.latency?.mean))
}

/// The texts of a figure.
struct FigureText {
    id: String,
    title: &'static str,
    caption: &'static str,
}

fn figure(
    text: FigureText,
    benchmark: &BenchmarkRuns,
    stats: &[RunStats<'_>],
    x: Axis,
    x_value: impl Fn(&RunStats<'_>) -> Option<f64>,
) -> Option<Figure> {
    let FigureText { id, title, caption } = text;
    let mark = |stats: &RunStats<'_>| {
        let (at, accuracy) = (x_value(stats)?, stats.summary.accuracy?);
        let title = format!("{}: {:.1}% at {}", stats.run.label, 100.0 * accuracy.value, x.unit.show(at));
        Some(Mark { at: (at, accuracy.value), span: Some((accuracy.low, accuracy.high)), title })
    };
    let series = families(stats, mark);
    if series.is_empty() {
        return None;
    }
    let caption = format!(
        "{caption}. Bars are 95% intervals over {}; the dashed line is the target alone.",
        counted(benchmark.problems(), "problem")
    );
    let guides = benchmark.target().and_then(|run| guide(run, stats)).into_iter().collect();
    let y = Axis::share("accuracy");
    let plot = ScatterPlot { heading: heading(id, title, &caption), x, y, series, guides };
    Some(Figure { title: title.to_owned(), caption, svg: plot.svg() })
}

/// One series per family that has a point, with points in the order of the thresholds.
pub(super) fn families<'r>(stats: &[RunStats<'r>], mark: impl Fn(&RunStats<'r>) -> Option<Mark>) -> Vec<Series> {
    let families = stats.chunk_by(|one, other| one.run.family == other.run.family);
    let series = |family: &[RunStats<'r>]| Series {
        name: family[0].run.family.clone(),
        slot: family[0].slot,
        points: family.iter().filter_map(&mark).collect(),
    };
    families.map(series).filter(|series| !series.points.is_empty()).collect()
}

/// A horizontal line at the target's accuracy.
fn guide(target: &PolicyRun, stats: &[RunStats<'_>]) -> Option<Guide> {
    let accuracy = stats.iter().find(|stats| std::ptr::eq(stats.run, target))?.summary.accuracy?.value;
    Some(Guide::Level(accuracy))
}
