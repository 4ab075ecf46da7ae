//! Counts of what falls into neighbouring intervals.

use super::plane::axes;
use super::svg::Px;
use super::{Axis, Heading, WIDTH};

const HEIGHT: f64 = 260.0;

/// One interval with its count.
#[derive(Clone, Debug, PartialEq)]
pub struct Tower {
    /// Its ends along the first axis.
    pub over: (f64, f64),
    /// How much falls into it.
    pub height: f64,
    /// Whether it is one of those that the chart is about.
    pub stands_out: bool,
    /// What it stands for.
    pub title: String,
}

/// A histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Towers {
    /// What it says in words.
    pub heading: Heading,
    /// What was counted by.
    pub x: Axis,
    /// The counts.
    pub y: Axis,
    /// The intervals.
    pub towers: Vec<Tower>,
}

impl Towers {
    /// The chart as an SVG element.
    pub fn svg(&self) -> String {
        let ends = self.towers.iter().flat_map(|tower| [tower.over.0, tower.over.1]);
        let x = self.x.scale(ends, (42.0, WIDTH - 14.0));
        let y = self.y.scale(self.towers.iter().map(|tower| tower.height).chain([0.0]), (HEIGHT - 40.0, 24.0));
        let mut svg = self.heading.begin(HEIGHT);
        axes(&mut svg, (&self.x, &x), (&self.y, &y), HEIGHT);
        for tower in self.towers.iter().filter(|tower| tower.height > 0.0) {
            let (from, to) = (x.place(tower.over.0) + 0.5, x.place(tower.over.1) - 0.5);
            let (top, bottom) = (y.place(tower.height), y.place(0.0));
            let class = if tower.stands_out { "tower stands-out" } else { "tower" };
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
            svg.text("title", &[], &tower.title);
            svg.end();
        }
        svg.finish()
    }
}
