//! Scatter plots with curves.

use super::labels::{Rectangle, place_labels};
use super::marker::marker;
use super::scale::Scale;
use super::svg::{Px, Svg};
use super::{Axis, COLOURS, Heading, WIDTH};
use crate::report::text::cut;

const HEIGHT: f64 = 300.0;
const LEFT: f64 = 42.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 40.0;
/// Maximum length of a curve's label, in characters.
const MAX_LABEL_CHARS: usize = 22;

/// One point.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    /// Its coordinates.
    pub at: (f64, f64),
    /// Ends of its interval along the vertical axis.
    pub span: Option<(f64, f64)>,
    /// Its tooltip. A point without one is a corner of its curve and has no marker.
    pub title: String,
}

/// Points that belong together, such as a policy's over its thresholds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    /// Its name, written next to it; empty for no label.
    pub name: String,
    /// Index that selects colour and marker.
    pub slot: usize,
    /// Its points, joined by a line in this order.
    pub points: Vec<Mark>,
}

/// A straight reference line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Guide {
    /// A horizontal line.
    Level(f64),
    /// The line of equal coordinates.
    Diagonal,
    /// A prediction for a series, in its colour.
    Line {
        /// One end.
        from: (f64, f64),
        /// The other end.
        to: (f64, f64),
        /// The series' slot.
        slot: usize,
    },
}

/// A scatter plot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScatterPlot {
    /// Its id and texts.
    pub heading: Heading,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The curves.
    pub series: Vec<Series>,
    /// Reference lines behind them.
    pub guides: Vec<Guide>,
}

impl ScatterPlot {
    /// The chart as an SVG element.
    pub(crate) fn svg(&self) -> String {
        let marks = || self.series.iter().flat_map(|series| &series.points);
        let spans = marks().flat_map(|mark| mark.span).flat_map(|(low, high)| [low, high]);
        let x = self.x.scale(marks().map(|mark| mark.at.0), (LEFT, WIDTH - RIGHT));
        let y = self.y.scale(marks().map(|mark| mark.at.1).chain(spans), (HEIGHT - BOTTOM, TOP));
        let mut svg = self.heading.begin(HEIGHT);
        draw_axes(&mut svg, ScaledAxis { axis: &self.x, scale: &x }, ScaledAxis { axis: &self.y, scale: &y }, HEIGHT);
        self.guides.iter().for_each(|guide| draw_guide(&mut svg, *guide, &x, &y));
        self.series.iter().for_each(|series| draw(&mut svg, series, &x, &y));
        self.names(&mut svg, &x, &y);
        svg.finish()
    }

    fn names(&self, svg: &mut Svg, x: &Scale, y: &Scale) {
        let names: Vec<String> = self.series.iter().map(|series| cut(&series.name, MAX_LABEL_CHARS)).collect();
        let positions =
            |series: &Series| series.points.iter().map(|mark| (x.position(mark.at.0), y.position(mark.at.1))).collect();
        let points: Vec<Vec<(f64, f64)>> = self.series.iter().map(positions).collect();
        let within = Rectangle::new((LEFT + 2.0, TOP - 8.0), (WIDTH - 2.0, HEIGHT - BOTTOM - 1.0));
        for label in place_labels(&names, &points, within) {
            let class = format!("name s{}", self.series[label.series].slot % COLOURS);
            svg.label(&class, label.anchor, label.at, &names[label.series]);
        }
    }
}

/// An axis with its scale.
#[derive(Clone, Copy)]
pub(super) struct ScaledAxis<'a> {
    pub axis: &'a Axis,
    pub scale: &'a Scale,
}

/// Draws both axes with grid, ticks and labels. The label of the vertical axis is above it, where it can be written horizontally.
pub(super) fn draw_axes(svg: &mut Svg, x: ScaledAxis<'_>, y: ScaledAxis<'_>, height: f64) {
    let (left, right, bottom) = (LEFT, WIDTH - RIGHT, height - BOTTOM);
    svg.begin("g", &[("class", &"axes"), ("aria-hidden", &"true")]);
    for (at, text) in y.scale.ticks() {
        svg.line("grid", (left, at), (right, at));
        svg.label("tick", "end", (left - 6.0, at + 4.0), &text);
    }
    for (at, text) in x.scale.ticks() {
        svg.line("grid", (at, TOP), (at, bottom));
        svg.label("tick", "middle", (at, bottom + 15.0), &text);
    }
    svg.line("axis", (left, bottom), (right, bottom));
    svg.label("label", "start", (4.0, 12.0), &y.axis.label);
    svg.label("label", "end", (right, height - 8.0), &x.axis.label);
    svg.end();
}

fn draw_guide(svg: &mut Svg, guide: Guide, x: &Scale, y: &Scale) {
    let mut class = "guide".to_owned();
    let (from, to) = match guide {
        Guide::Level(value) => ((x.range.0, value), (x.range.1, value)),
        Guide::Diagonal => {
            let (from, to) = (x.range.0.max(y.range.0), x.range.1.min(y.range.1));
            ((from, from), (to, to))
        }
        Guide::Line { from, to, slot } => {
            class.push_str(&format!(" predicted s{}", slot % COLOURS));
            (from, to)
        }
    };
    let position = |at: (f64, f64)| (x.position(at.0), y.position(at.1));
    svg.line(&class, position(from), position(to));
}

fn draw(svg: &mut Svg, series: &Series, x: &Scale, y: &Scale) {
    svg.begin("g", &[("class", &format!("series s{}", series.slot % COLOURS))]);
    let positions: Vec<(f64, f64)> =
        series.points.iter().map(|mark| (x.position(mark.at.0), y.position(mark.at.1))).collect();
    if positions.len() > 1 {
        let corners: Vec<String> = positions.iter().map(|(x, y)| format!("{},{}", Px(*x), Px(*y))).collect();
        svg.leaf("polyline", &[("class", &"curve"), ("points", &corners.join(" "))]);
    }
    for (mark, at) in series.points.iter().zip(&positions) {
        if let Some((low, high)) = mark.span {
            svg.line("span", (at.0, y.position(low)), (at.0, y.position(high)));
        }
    }
    let marked = series.points.iter().zip(&positions).filter(|(mark, _)| !mark.title.is_empty());
    marked.for_each(|(mark, at)| marker(svg, series.slot, *at, &mark.title));
    svg.end();
}
