//! Names beside the curves that they belong to.

use super::{WIDTH, text_width};

/// Height of a line of text.
const HEIGHT: f64 = 12.0;
/// Names are bold, which is wider.
const BOLD: f64 = 1.12;
/// Half the width of a marker.
const MARKER: f64 = 5.0;

/// A rectangle, by its left upper and right lower corners.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    from: (f64, f64),
    to: (f64, f64),
}

impl Area {
    /// A rectangle from corner to corner.
    pub fn new(from: (f64, f64), to: (f64, f64)) -> Self {
        Self { from, to }
    }

    fn shared(&self, other: &Self) -> f64 {
        let side = |one: (f64, f64), two: (f64, f64)| (one.1.min(two.1) - one.0.max(two.0)).max(0.0);
        side((self.from.0, self.to.0), (other.from.0, other.to.0))
            * side((self.from.1, self.to.1), (other.from.1, other.to.1))
    }

    fn holds(&self, other: &Self) -> bool {
        self.from.0 <= other.from.0 && self.from.1 <= other.from.1 && self.to.0 >= other.to.0 && self.to.1 >= other.to.1
    }
}

/// A name with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Which of the series.
    pub series: usize,
    /// Which part of the name's base line is at its place: that beside the point, so that it keeps its distance in any face.
    pub anchor: &'static str,
    /// Where that is.
    pub at: (f64, f64),
}

/// Finds a place for the name of each series beside one of its points: the one that covers least of markers, lines and names that have
/// their place already. The first place in order wins where several are as good, so that the same data give the same chart.
pub fn place(names: &[String], points: &[Vec<(f64, f64)>], within: Area) -> Vec<Placed> {
    let obstacles: Vec<Area> = points.iter().flat_map(|series| covered(series)).collect();
    let mut taken: Vec<Area> = Vec::new();
    let mut placed = Vec::new();
    for (series, (name, own)) in names.iter().zip(points).enumerate() {
        let cost = |area: &Area| {
            let over = |areas: &[Area]| areas.iter().map(|other| area.shared(other)).sum::<f64>();
            8.0 * over(&taken) + over(&obstacles)
        };
        let all = candidates(own, BOLD * text_width(name)).filter(|(area, ..)| within.holds(area));
        let all = all.map(|(area, anchor, x)| (cost(&area), area, anchor, x));
        let best = all.reduce(|best, other| if other.0 < best.0 { other } else { best });
        if let Some((_, area, anchor, x)) = best {
            taken.push(area);
            placed.push(Placed { series, anchor, at: (x, area.to.1 - 3.0) });
        }
    }
    placed
}

/// Places about each point, beginning with the last: right, left, above, below, and the four corners. Each with its anchor.
fn candidates(points: &[(f64, f64)], width: f64) -> impl Iterator<Item = (Area, &'static str, f64)> {
    const GAP: f64 = MARKER + 2.0;
    const SIDES: [(&str, f64, f64); 8] = [
        ("start", GAP, -HEIGHT / 2.0),
        ("end", -GAP, -HEIGHT / 2.0),
        ("middle", 0.0, -GAP - HEIGHT),
        ("middle", 0.0, GAP),
        ("start", GAP - 3.0, 3.0 - GAP - HEIGHT),
        ("end", 3.0 - GAP, 3.0 - GAP - HEIGHT),
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
            (Area::new((left, top), (left + width, top + HEIGHT)), anchor, x)
        })
    })
}

/// Where a series has its marks: squares about its points, and small ones along the lines between them.
fn covered(points: &[(f64, f64)]) -> Vec<Area> {
    let square = |(x, y): (f64, f64), half: f64| Area::new((x - half, y - half), (x + half, y + half));
    let mut areas: Vec<Area> = points.iter().map(|point| square(*point, MARKER)).collect();
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
        let placed = place(&names, &points, Area::new((40.0, 10.0), (400.0, 260.0)));
        assert_eq!(placed.len(), 8);
        let area = |label: &Placed| {
            let width = BOLD * text_width(&names[0]);
            let left = label.at.0
                - width * ["start", "middle", "end"].iter().position(|a| *a == label.anchor).unwrap() as f64 / 2.0;
            Area::new((left, label.at.1 - 9.0), (left + width, label.at.1 + 3.0))
        };
        for (at, one) in placed.iter().enumerate() {
            assert!(placed[at + 1..].iter().all(|other| area(one).shared(&area(other)) == 0.0), "{placed:?}");
        }
    }

    #[test]
    fn a_name_without_room_is_left_out() {
        let placed = place(&["x".repeat(99)], &[vec![(50.0, 50.0)]], Area::new((0.0, 0.0), (100.0, 100.0)));
        assert!(placed.is_empty());
    }
}
