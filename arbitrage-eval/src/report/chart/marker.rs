//! Markers of different shapes, so that series can be distinguished without colour.

use std::fmt::Display;

use super::svg::{Px, Svg};

/// Shapes around the origin, as paths of about equal area. Their number and that of the [colours](super::COLOURS) have no common divisor.
const SHAPES: [&str; 7] = [
    "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0Z",
    "M-3.6 -3.6H3.6V3.6H-3.6Z",
    "M0 -5L4.8 3.5H-4.8Z",
    "M0 -5.2L5.2 0L0 5.2L-5.2 0Z",
    "M0 5L4.8 -3.5H-4.8Z",
    "M-1.6 -4.8H1.6V-1.6H4.8V1.6H1.6V4.8H-1.6V1.6H-4.8V-1.6H-1.6Z",
    "M0 -5L4.8 -1.5L2.9 4H-2.9L-4.8 -1.5Z",
];

/// Draws the marker of a series, with a title that browsers show as a tooltip.
pub(crate) fn marker(svg: &mut Svg, slot: usize, at: (f64, f64), title: &str) {
    let position = format!("translate({} {})", Px(at.0), Px(at.1));
    let shape: &dyn Display = &SHAPES[slot % SHAPES.len()];
    svg.begin("path", &[("class", &"mark"), ("transform", &position), ("d", shape)]);
    svg.text("title", &[], title);
    svg.end();
}
