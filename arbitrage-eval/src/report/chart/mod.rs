//! Charts as inline SVG whose colours are the page's.
//!
//! A small writer of our own, because a page that follows its reader's light or dark needs marks with classes and custom properties,
//! readable sources and one look for a dozen charts: plotters and kuva write colours into their elements, charming and plotly need a
//! script to draw at all, and poloto, which has classes, is no longer kept and draws neither spans nor stacked bars. What is needed
//! beside elements is a scale, round ticks, and labels that do not cover each other.
//!
//! Sizes are in user units of a view box of [`WIDTH`], about a pixel each on a phone.

mod labels;
mod marker;
mod plane;
mod scale;
mod stack;
mod svg;
mod towers;

pub use plane::{Guide, Mark, Plane, Series};
pub use scale::Axis;
pub use stack::{Bar, Stack};
pub use towers::{Tower, Towers};

use svg::Svg;

/// Width of every chart's view box.
pub const WIDTH: f64 = 420.0;
/// Colours that a page has for families, as `--s0` and on. Markers have another period, so that the two together tell more apart.
pub const COLOURS: usize = 10;

/// What a chart says to those who cannot see it, and the name of its element, which is unique on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Heading {
    /// The element's id.
    pub id: String,
    /// What is drawn.
    pub title: String,
    /// What it shows, in a sentence or two.
    pub description: String,
}

impl Heading {
    /// Begins the chart's element, to be ended by [`Svg::finish`].
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

/// The width of a text at the charts' size, near enough to keep texts apart: faces differ, and none is measured here.
fn text_width(text: &str) -> f64 {
    const WIDE: f64 = 11.5;
    const USUAL: f64 = 6.1;
    text.chars().map(|c| if (c as u32) < 0x1100 { USUAL } else { WIDE }).sum()
}
