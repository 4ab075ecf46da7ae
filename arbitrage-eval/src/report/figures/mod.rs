//! The paper's figures, drawn from the traces.

mod advantage;
mod break_even;
mod calibration;
mod curve;
mod time;
mod waste;

use serde::Serialize;

use super::BenchmarkRuns;
use super::chart::Heading;
use super::stats::RunStats;

/// A chart with its caption.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    /// What is drawn.
    pub title: String,
    /// How to read it, and over how many problems it is.
    pub caption: String,
    /// The chart, an SVG element.
    pub svg: String,
}

/// The figures of the benchmark with this index. Figures without data are omitted.
pub(crate) fn figures(index: usize, benchmark: &BenchmarkRuns, stats: &[RunStats<'_>]) -> Vec<Figure> {
    let name = |name: &str| format!("chart-{index}-{name}");
    let drawn = [
        curve::by_acceptance(name("acceptance"), benchmark, stats),
        curve::by_latency(name("latency"), benchmark, stats),
        waste::figure(name("waste"), benchmark, stats),
        advantage::figure(name("advantage"), benchmark),
        calibration::figure(name("calibration"), benchmark, stats),
        break_even::figure(name("break-even"), benchmark, stats),
        time::figure(name("time"), benchmark, stats),
    ];
    drawn.into_iter().flatten().collect()
}

/// A chart's heading.
fn heading(id: String, title: &str, caption: &str) -> Heading {
    Heading { id, title: title.to_owned(), description: caption.to_owned() }
}
