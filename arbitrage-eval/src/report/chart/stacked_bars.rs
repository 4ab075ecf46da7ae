//! Stacked bars.

use super::scale::Scale;
use super::svg::{Px, Svg};
use super::{Axis, Heading, WIDTH, text_width};
use crate::report::text::cut;

const ROW: f64 = 22.0;
const BAR: f64 = 14.0;
/// Height of the legend above the bars.
const TOP: f64 = 46.0;
/// Height of the axis below the bars.
const BOTTOM: f64 = 40.0;
/// Maximum length of a bar's name, in characters.
const MAX_NAME_CHARS: usize = 20;

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StackedBar {
    /// Its name.
    pub name: String,
    /// The sizes of its parts, one per name of the chart, at least 0.
    pub parts: Vec<f64>,
}

/// A chart of horizontal stacked bars.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StackedBars {
    /// Its id and texts.
    pub heading: Heading,
    /// The axis of the sums.
    pub x: Axis,
    /// The names of the parts. Part `i` has the CSS class `part-i`.
    pub parts: Vec<&'static str>,
    /// The bars.
    pub bars: Vec<StackedBar>,
    /// A sum that is marked by a line, for comparison.
    pub level: Option<f64>,
}

impl StackedBars {
    /// The chart as an SVG element.
    pub(crate) fn svg(&self) -> String {
        let names: Vec<String> = self.bars.iter().map(|bar| cut(&bar.name, MAX_NAME_CHARS)).collect();
        let left = 10.0 + names.iter().map(|name| text_width(name)).fold(0.0, f64::max);
        let height = TOP + ROW * self.bars.len() as f64 + BOTTOM;
        let sum = |bar: &StackedBar| bar.parts.iter().sum::<f64>();
        // The sums are written after the bars, which reduces the width of the scale.
        let x = self.x.scale(self.bars.iter().map(sum).chain([0.0]), (left, WIDTH - 44.0));
        let mut svg = self.heading.begin(height);
        self.legend(&mut svg);
        self.axis(&mut svg, &x, height - BOTTOM);
        for (row, (bar, name)) in self.bars.iter().zip(&names).enumerate() {
            let top = TOP + ROW * row as f64 + (ROW - BAR) / 2.0;
            svg.label("bar-name", "end", (left - 6.0, top + BAR - 3.0), name);
            self.bar(&mut svg, bar, top, |value| x.position(value));
        }
        if let Some(at) = self.level.map(|level| x.position(level)) {
            svg.line("guide", (at, TOP), (at, height - BOTTOM));
        }
        for (row, sum) in self.bars.iter().map(sum).enumerate() {
            let line = TOP + ROW * row as f64 + (ROW + BAR) / 2.0 - 3.0;
            svg.label("tick sum", "start", (x.position(sum) + 4.0, line), &self.x.unit.show(sum));
        }
        svg.finish()
    }

    fn axis(&self, svg: &mut Svg, x: &Scale, bottom: f64) {
        svg.begin("g", &[("class", &"axes"), ("aria-hidden", &"true")]);
        for (at, text) in x.ticks() {
            svg.line("grid", (at, TOP), (at, bottom));
            svg.label("tick", "middle", (at, bottom + 15.0), &text);
        }
        svg.label("label", "end", (WIDTH - 14.0, bottom + BOTTOM - 8.0), &self.x.label);
        svg.end();
    }

    fn bar(&self, svg: &mut Svg, bar: &StackedBar, top: f64, position: impl Fn(f64) -> f64) {
        let mut from = 0.0;
        for (part, (value, name)) in bar.parts.iter().zip(&self.parts).enumerate() {
            let (left, right) = (position(from), position(from + value));
            from += value;
            if right - left < 0.05 {
                continue;
            }
            let (class, width) = (format!("part part-{part}"), Px(right - left));
            svg.begin(
                "rect",
                &[("class", &class), ("x", &Px(left)), ("y", &Px(top)), ("width", &width), ("height", &Px(BAR))],
            );
            svg.text("title", &[], &format!("{}, {name}: {} s", bar.name, self.x.unit.show(*value)));
            svg.end();
        }
    }

    /// The legend, in as many lines as it needs.
    fn legend(&self, svg: &mut Svg) {
        let (mut left, mut line) = (4.0, 0.0);
        for (part, name) in self.parts.iter().enumerate() {
            let width = 16.0 + text_width(name) + 12.0;
            if left + width > WIDTH {
                (left, line) = (4.0, line + 17.0);
            }
            let class = format!("part part-{part}");
            svg.leaf(
                "rect",
                &[
                    ("class", &class),
                    ("x", &Px(left)),
                    ("y", &Px(4.0 + line)),
                    ("width", &Px(11.0)),
                    ("height", &Px(11.0)),
                ],
            );
            svg.label("key", "start", (left + 16.0, 14.0 + line), name);
            left += width;
        }
    }
}
