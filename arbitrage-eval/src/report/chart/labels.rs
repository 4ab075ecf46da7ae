//! Places the names of curves so that they do not overlap.

use super::{WIDTH, text_width};

/// Height of a line of text.
const LINE_HEIGHT: f64 = 12.0;
/// Width of bold text relative to regular text.
const BOLD: f64 = 1.12;
/// Half the width of a marker.
const MARKER: f64 = 5.0;

/// A rectangle, by its left upper and right lower corners.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rectangle {
    from: (f64, f64),
    to: (f64, f64),
}

impl Rectangle {
    /// A rectangle from corner to corner.
    pub(crate) fn new(from: (f64, f64), to: (f64, f64)) -> Self {
        Self { from, to }
    }

    fn overlap(&self, other: &Self) -> f64 {
        let side = |one: (f64, f64), two: (f64, f64)| (one.1.min(two.1) - one.0.max(two.0)).max(0.0);
        side((self.from.0, self.to.0), (other.from.0, other.to.0))
            * side((self.from.1, self.to.1), (other.from.1, other.to.1))
    }

    fn contains(&self, other: &Self) -> bool {
        self.from.0 <= other.from.0 && self.from.1 <= other.from.1 && self.to.0 >= other.to.0 && self.to.1 >= other.to.1
    }
}

/// A label with its position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlacedLabel {
    /// Index of the series.
    pub series: usize,
    /// SVG `text-anchor`: which end of the text is at the position. It is the one next to the point, so that the distance to the point does
    /// not depend on the font.
    pub anchor: &'static str,
    /// The position.
    pub at: (f64, f64),
}

/// Finds a position for the name of each series next to one of its points: the one that overlaps least with markers, lines and names placed
/// earlier. Of equally good positions the first is taken, so that the result is deterministic.
pub(crate) fn place_labels(names: &[String], points: &[Vec<(f64, f64)>], within: Rectangle) -> Vec<PlacedLabel> {
    let obstacles: Vec<Rectangle> = points.iter().flat_map(|series| covered(series)).collect();
    let mut taken: Vec<Rectangle> = Vec::new();
    let mut placed = Vec::new();
    for (series, (name, series_points)) in names.iter().zip(points).enumerate() {
        let cost = |area: &Rectangle| {
            let over = |areas: &[Rectangle]| areas.iter().map(|other| area.overlap(other)).sum::<f64>();
            8.0 * over(&taken) + over(&obstacles)
        };
        let all = candidates(series_points, BOLD * text_width(name)).filter(|one| within.contains(&one.area));
        let all = all.map(|one| (cost(&one.area), one));
        let best = all.reduce(|best, other| if other.0 < best.0 { other } else { best });
        if let Some((_, LabelCandidate { area, anchor, x })) = best {
            taken.push(area);
            placed.push(PlacedLabel { series, anchor, at: (x, area.to.1 - 3.0) });
        }
    }
    placed
}

/// A possible position of a label.
struct LabelCandidate {
    area: Rectangle,
    anchor: &'static str,
    /// The horizontal position of the anchor.
    x: f64,
}

/// Positions around each point, beginning with the last point: right, left, above, below, and the four corners.
fn candidates(points: &[(f64, f64)], width: f64) -> impl Iterator<Item = LabelCandidate> {
    const GAP: f64 = MARKER + 2.0;
    const SIDES: [(&str, f64, f64); 8] = [
        ("start", GAP, -LINE_HEIGHT / 2.0),
        ("end", -GAP, -LINE_HEIGHT / 2.0),
        ("middle", 0.0, -GAP - LINE_HEIGHT),
        ("middle", 0.0, GAP),
        ("start", GAP - 3.0, 3.0 - GAP - LINE_HEIGHT),
        ("end", 3.0 - GAP, 3.0 - GAP - LINE_HEIGHT),
        ("start", GAP - 3.0, GAP - 3.0),
        ("end", 3.0 - GAP, GAP - 3.0),
    ];
    points.iter().rev().flat_map(move |(x, y)| {
        SIDES.map(|(anchor, right, below)| {
            let (x, top) = (x + right, y + below);
            let left = match anchor {
                "start" => x,
                "end" => x - width,
                _ => x - width / 2.0,
            };
            let area = Rectangle::new((left, top), (left + width, top + LINE_HEIGHT));
            LabelCandidate { area, anchor, x }
        })
    })
}

/// The area that a series covers: squares around its points, and small ones along the lines between them.
fn covered(points: &[(f64, f64)]) -> Vec<Rectangle> {
    let square = |(x, y): (f64, f64), half: f64| Rectangle::new((x - half, y - half), (x + half, y + half));
    let mut areas: Vec<Rectangle> = points.iter().map(|point| square(*point, MARKER)).collect();
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let parts = ((to.0 - from.0).hypot(to.1 - from.1) / 4.0).clamp(1.0, WIDTH) as usize;
        let at = |part: usize| part as f64 / parts as f64;
        let between = |part: usize| (from.0 + at(part) * (to.0 - from.0), from.1 + at(part) * (to.1 - from.1));
        areas.extend((1..parts).map(|part| square(between(part), 1.5)));
    }
    areas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_neighbours_do_not_cover_each_other() {
        let names: Vec<String> = (0..8).map(|at| format!("family {at}")).collect();
        let points: Vec<Vec<(f64, f64)>> =
            (0..8).map(|at| vec![(60.0, 120.0 + f64::from(at)), (200.0, 100.0 + 3.0 * f64::from(at))]).collect();
        let placed = place_labels(&names, &points, Rectangle::new((40.0, 10.0), (400.0, 260.0)));
        assert_eq!(placed.len(), 8);
        let area = |label: &PlacedLabel| {
            let width = BOLD * text_width(&names[0]);
            let left = label.at.0
                - width * ["start", "middle", "end"].iter().position(|a| *a == label.anchor).unwrap() as f64 / 2.0;
            Rectangle::new((left, label.at.1 - 9.0), (left + width, label.at.1 + 3.0))
        };
        for (at, one) in placed.iter().enumerate() {
            assert!(placed[at + 1..].iter().all(|other| area(one).overlap(&area(other)) == 0.0), "{placed:?}");
        }
    }

    #[test]
    fn a_name_that_does_not_fit_is_omitted() {
        let placed = place_labels(&["x".repeat(99)], &[vec![(50.0, 50.0)]], Rectangle::new((0.0, 0.0), (100.0, 100.0)));
        assert!(placed.is_empty());
    }
}
