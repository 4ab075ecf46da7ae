//! Histograms.

use super::scatter::{ScaledAxis, draw_axes};
use super::svg::Px;
use super::{Axis, Heading, WIDTH};

const HEIGHT: f64 = 260.0;

/// One bin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HistogramBin {
    /// Its ends along the horizontal axis.
    pub range: (f64, f64),
    /// The number of values in it.
    pub count: f64,
    /// Whether it is highlighted.
    pub highlighted: bool,
    /// Its tooltip.
    pub title: String,
}

/// A histogram.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    /// Its id and texts.
    pub heading: Heading,
    /// The axis of the values.
    pub x: Axis,
    /// The axis of the counts.
    pub y: Axis,
    /// The bins.
    pub bins: Vec<HistogramBin>,
}

impl Histogram {
    /// The chart as an SVG element.
    pub(crate) fn svg(&self) -> String {
        let ends = self.bins.iter().flat_map(|bin| [bin.range.0, bin.range.1]);
        let x = self.x.scale(ends, (42.0, WIDTH - 14.0));
        let y = self.y.scale(self.bins.iter().map(|bin| bin.count).chain([0.0]), (HEIGHT - 40.0, 24.0));
        let mut svg = self.heading.begin(HEIGHT);
        draw_axes(&mut svg, ScaledAxis { axis: &self.x, scale: &x }, ScaledAxis { axis: &self.y, scale: &y }, HEIGHT);
        for bin in self.bins.iter().filter(|bin| bin.count > 0.0) {
            let (from, to) = (x.position(bin.range.0) + 0.5, x.position(bin.range.1) - 0.5);
            let (top, bottom) = (y.position(bin.count), y.position(0.0));
            let class = if bin.highlighted { "bin stands-out" } else { "bin" };
            svg.begin(
                "rect",
                &[
                    ("class", &class),
                    ("x", &Px(from)),
                    ("y", &Px(top)),
                    ("width", &Px((to - from).max(0.5))),
                    ("height", &Px(bottom - top)),
                ],
            );
            svg.text("title", &[], &bin.title);
            svg.end();
        }
        svg.finish()
    }
}
