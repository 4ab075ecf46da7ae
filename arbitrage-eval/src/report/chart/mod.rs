//! Charts as inline SVG, in the colours of the page.
//!
//! The SVG is written here because the page follows the reader's light or dark theme, which needs CSS classes on all marks: plotters and
//! kuva write fixed colours, charming and plotly need a script to draw, and poloto, which has classes, is unmaintained and draws neither
//! intervals nor stacked bars.
//!
//! Sizes are in user units of a view box of width [`WIDTH`].

mod histogram;
mod labels;
mod marker;
mod scale;
mod scatter;
mod stacked_bars;
mod svg;

pub(crate) use histogram::{Histogram, HistogramBin};
pub(crate) use scale::Axis;
pub(crate) use scatter::{Guide, Mark, ScatterPlot, Series};
pub(crate) use stacked_bars::{StackedBar, StackedBars};

use svg::Svg;

/// Width of every chart's view box.
pub(crate) const WIDTH: f64 = 420.0;
/// Number of colours for families, the CSS variables `--s0` and so on. The number of markers has no common divisor with it, so that colour
/// and marker together distinguish more families.
pub(crate) const COLOURS: usize = 10;

/// Id and accessible texts of a chart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heading {
    /// The element's id, unique on the page.
    pub id: String,
    /// What is drawn.
    pub title: String,
    /// What it shows, in one or two sentences.
    pub description: String,
}

impl Heading {
    /// Begins the chart's element; [`Svg::finish`] ends it.
    fn begin(&self, height: f64) -> Svg {
        let mut svg = Svg::new();
        let (title, description) = (format!("{}-title", self.id), format!("{}-desc", self.id));
        svg.begin(
            "svg",
            &[
                ("xmlns", &"http://www.w3.org/2000/svg"),
                ("id", &self.id),
                ("class", &"chart"),
                ("viewBox", &format!("0 0 {WIDTH} {height}")),
                ("role", &"img"),
                ("aria-labelledby", &format!("{title} {description}")),
            ],
        );
        svg.text("title", &[("id", &title)], &self.title);
        svg.text("desc", &[("id", &description)], &self.description);
        svg
    }
}

/// The approximate width of a text in the charts' font size. Fonts differ, so that it is only good for keeping texts apart.
fn text_width(text: &str) -> f64 {
    const CJK_WIDTH: f64 = 11.5;
    const LATIN_WIDTH: f64 = 6.1;
    text.chars().map(|c| if (c as u32) < 0x1100 { LATIN_WIDTH } else { CJK_WIDTH }).sum()
}
