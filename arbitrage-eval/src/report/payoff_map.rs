//! The map of pairs: draft's accuracy against ratio of costs, with lines of equal speed.

use super::chart::{Axis, Heading, Mark, ScatterPlot, Series};
use super::number::NumberFormat;
use crate::cost::Payoff;

/// Speeds relative to the target alone that have a line.
const SPEED_UPS: [f64; 5] = [1.0, 1.5, 2.0, 3.0, 5.0];
/// The cost ratios that the map covers.
const COST_RATIOS: (f64, f64) = (1.0, 12.0);
/// Corners of a line.
const CORNERS: usize = 111;

/// A pair of models on the map.
#[derive(Clone, Debug, PartialEq)]
pub struct PairPoint {
    /// The pair, and where it was measured.
    pub name: String,
    /// How many times as long the target takes to decode a token as the draft.
    pub cost_ratio: f64,
    /// What the draft solves as a share of what its target solves, in [0, 1].
    pub accuracy: f64,
    /// The measured speed relative to the target alone at about its accuracy, where there is one.
    pub speed_up: Option<f64>,
}

/// An SVG document with `pairs` on the map that `payoff` draws. On and above a line, the predicted pair is that many times as fast as
/// its target alone.
pub fn payoff_map(payoff: &Payoff, pairs: &[PairPoint]) -> String {
    let lines = SPEED_UPS.iter().enumerate().filter_map(|(slot, speed_up)| line(payoff, *speed_up, slot));
    let points = pairs.iter().enumerate().map(|(index, pair)| point(pair, SPEED_UPS.len() + index));
    let plot = ScatterPlot {
        heading: Heading {
            id: "payoff".to_owned(),
            title: "Where routing pays".to_owned(),
            description: "The draft's accuracy as a share of the target's, against the ratio of the models' costs a token. Each line is a \
                          predicted speed relative to the target alone; pairs on it or above it reach that speed."
                .to_owned(),
        },
        x: Axis { bounds: COST_RATIOS, ..Axis::new("a target's token in draft's tokens", NumberFormat::Count) }
            .reaching([COST_RATIOS.0, COST_RATIOS.1]),
        y: Axis::share("solved by the draft, of what its target solves").reaching([0.0, 1.0]),
        series: lines.chain(points).collect(),
        guides: Vec::new(),
    };
    with_style(&plot.svg())
}

/// The line of one speed-up; `None` where no pair on the map reaches it.
fn line(payoff: &Payoff, speed_up: f64, slot: usize) -> Option<Series> {
    let (from, to) = COST_RATIOS;
    let ratios = (0..CORNERS).map(|corner| from + (to - from) * corner as f64 / (CORNERS - 1) as f64);
    let corner =
        |ratio| Some(Mark { at: (ratio, payoff.least_accuracy(ratio, speed_up)?), span: None, title: String::new() });
    let points: Vec<Mark> = ratios.filter_map(corner).collect();
    (!points.is_empty()).then(|| Series { name: format!("{speed_up}×"), slot, points })
}

fn point(pair: &PairPoint, slot: usize) -> Series {
    let measured =
        pair.speed_up.map(|speed_up| format!(": {}", NumberFormat::Ratio.show(speed_up))).unwrap_or_default();
    let title = format!("{}{measured}", pair.name);
    Series { name: title.clone(), slot, points: vec![Mark { at: (pair.cost_ratio, pair.accuracy), span: None, title }] }
}

/// The chart as a document of its own, with the report's colours.
fn with_style(svg: &str) -> String {
    let style = super::render::STYLE;
    let paper = r#"<rect width="100%" height="100%" style="fill: var(--page)"/>"#;
    match svg.split_once('>') {
        Some((head, rest)) => format!("{head}><style>{style}</style>{paper}{rest}"),
        None => svg.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, cost_ratio: f64, accuracy: f64) -> PairPoint {
        PairPoint { name: name.to_owned(), cost_ratio, accuracy, speed_up: Some(1.5) }
    }

    #[test]
    fn the_map_is_a_document_with_lines_and_pairs() {
        let payoff = Payoff::new(4.0, 0.15, 1.5).unwrap();
        let map = payoff_map(&payoff, &[pair("a <b>", 9.0, 0.6), pair("c", 2.0, 0.3)]);
        let document = roxmltree::Document::parse(&map).unwrap();
        let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
        for expected in ["a <b>: 1.50×", "c: 1.50×", "1×", "2×"] {
            assert!(texts.contains(&expected), "{expected}: {texts:?}");
        }
        let curves = document.descendants().filter(|node| node.attribute("class") == Some("curve")).count();
        assert_eq!(curves, SPEED_UPS.len() - 1, "at this cost of reading, no pair is five times as fast");
        let marks = document.descendants().filter(|node| node.attribute("class") == Some("mark")).count();
        assert_eq!(marks, 2, "lines have no markers");
    }

    #[test]
    fn speeds_that_no_pair_reaches_have_no_line() {
        assert!(line(&Payoff::new(4.0, 0.4, 1.5).unwrap(), 3.0, 0).is_none());
    }
}
