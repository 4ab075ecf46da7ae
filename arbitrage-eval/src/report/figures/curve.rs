//! Accuracy against what it takes, a curve a family.

use super::{Figure, heading};
use crate::report::chart::{Axis, Guide, Mark, Plane, Series};
use crate::report::number::{Unit, counted};
use crate::report::page::Facts;
use crate::report::{Benchmark, Run};

/// Accuracy against acceptance.
pub fn by_acceptance(id: String, benchmark: &Benchmark, facts: &[Facts<'_>]) -> Option<Figure> {
    let axis = Axis::share("acceptance, share of steps").reaching([0.0, 1.0]);
    let caption = "Share of right answers against the share of steps that the draft wrote (α), one curve a family of policies over \
                   its thresholds";
    figure((id, "Accuracy against acceptance", caption), benchmark, facts, axis, |facts| {
        facts.summary.acceptance.by_steps
    })
}

/// Accuracy against latency.
pub fn by_latency(id: String, benchmark: &Benchmark, facts: &[Facts<'_>]) -> Option<Figure> {
    let axis = Axis::new("mean latency, seconds a problem", Unit::Seconds).reaching([0.0]);
    let caption = "Share of right answers against mean seconds a problem, one curve a family of policies over its thresholds: what \
                   lies above and to the left is better";
    figure((id, "Accuracy against latency", caption), benchmark, facts, axis, |facts| Some(facts.summary.latency?.mean))
}

fn figure(
    (id, title, caption): (String, &str, &str),
    benchmark: &Benchmark,
    facts: &[Facts<'_>],
    x: Axis,
    place: impl Fn(&Facts<'_>) -> Option<f64>,
) -> Option<Figure> {
    let mark = |facts: &Facts<'_>| {
        let (at, accuracy) = (place(facts)?, facts.summary.accuracy?);
        let title = format!("{}: {:.1}% at {}", facts.run.label, 100.0 * accuracy.value, x.unit.show(at));
        Some(Mark { at: (at, accuracy.value), span: Some((accuracy.low, accuracy.high)), title })
    };
    let series = families(facts, mark);
    if series.is_empty() {
        return None;
    }
    let caption = format!(
        "{caption}. Bars are 95% intervals over {}; the dashed line is the target alone.",
        counted(benchmark.problems(), "problem")
    );
    let guides = benchmark.target().and_then(|run| guide(run, facts)).into_iter().collect();
    let y = Axis::share("accuracy");
    let plane = Plane { heading: heading(id, title, &caption), x, y, series, guides };
    Some(Figure { title: title.to_owned(), caption, svg: plane.svg() })
}

/// A series a family that has a point, in the order of the runs, which is that of the thresholds.
pub(super) fn families<'r>(facts: &[Facts<'r>], mark: impl Fn(&Facts<'r>) -> Option<Mark>) -> Vec<Series> {
    let families = facts.chunk_by(|one, other| one.run.family == other.run.family);
    let series = |family: &[Facts<'r>]| Series {
        name: family[0].run.family.clone(),
        slot: family[0].slot,
        points: family.iter().filter_map(&mark).collect(),
    };
    families.map(series).filter(|series| !series.points.is_empty()).collect()
}

/// The target's accuracy.
fn guide(target: &Run, facts: &[Facts<'_>]) -> Option<Guide> {
    let accuracy = facts.iter().find(|facts| std::ptr::eq(facts.run, target))?.summary.accuracy?.value;
    Some(Guide::Level(accuracy))
}
