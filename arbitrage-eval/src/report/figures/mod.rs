//! The paper's figures, drawn from the log.

mod advantage;
mod break_even;
mod calibration;
mod curve;
mod time;
mod waste;

use serde::Serialize;

use super::Benchmark;
use super::chart::Heading;
use super::page::Facts;

/// A chart with its caption.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What is drawn.
    pub title: String,
    /// How it is to be read, and over how many problems.
    pub caption: String,
    /// The chart, an SVG element.
    pub svg: String,
}

/// The figures of the benchmark at a place. Those for which nothing is known are left out.
pub fn figures(at: usize, benchmark: &Benchmark, facts: &[Facts<'_>]) -> Vec<Figure> {
    let name = |name: &str| format!("chart-{at}-{name}");
    let drawn = [
        curve::by_acceptance(name("acceptance"), benchmark, facts),
        curve::by_latency(name("latency"), benchmark, facts),
        waste::figure(name("waste"), benchmark, facts),
        advantage::figure(name("advantage"), benchmark),
        calibration::figure(name("calibration"), benchmark, facts),
        break_even::figure(name("break-even"), benchmark, facts),
        time::figure(name("time"), benchmark, facts),
    ];
    drawn.into_iter().flatten().collect()
}

/// A chart's heading.
fn heading(id: String, title: &str, caption: &str) -> Heading {
    Heading { id, title: title.to_owned(), description: caption.to_owned() }
}
