//! Writes SVG elements.

use std::fmt::{self, Display, Write};

use super::super::text::visible;

/// Names and values of an element's attributes.
pub(crate) type Attributes<'a> = &'a [(&'a str, &'a dyn Display)];

/// A writer of nested elements. Everything except the names of elements and attributes is escaped here and nowhere else.
#[derive(Debug, Default)]
pub(crate) struct Svg {
    out: String,
    open: Vec<&'static str>,
}

impl Svg {
    /// An empty document.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Begins an element with children.
    pub(crate) fn begin(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.tag(name, attributes, ">");
        self.open.push(name);
    }

    /// Ends the innermost open element.
    pub(crate) fn end(&mut self) {
        if let Some(name) = self.open.pop() {
            self.out.push_str(&format!("</{name}>\n"));
        }
    }

    /// An element without content.
    pub(crate) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.tag(name, attributes, "/>\n");
    }

    /// An element with text content.
    pub(crate) fn text(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.tag(name, attributes, ">");
        self.escaped(text);
        self.out.push_str(&format!("</{name}>\n"));
    }

    /// A straight line.
    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let (from, to) = ((Px(from.0), Px(from.1)), (Px(to.0), Px(to.1)));
        self.leaf("line", &[("class", &class), ("x1", &from.0), ("y1", &from.1), ("x2", &to.0), ("y2", &to.1)]);
    }

    /// A text whose `start`, `middle` or `end` is at a position.
    pub(crate) fn label(&mut self, class: &str, anchor: &str, at: (f64, f64), text: &str) {
        self.text("text", &[("class", &class), ("text-anchor", &anchor), ("x", &Px(at.0)), ("y", &Px(at.1))], text);
    }

    /// Ends all open elements and returns the document.
    pub(crate) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.out
    }

    fn tag(&mut self, name: &str, attributes: Attributes<'_>, end: &str) {
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push_str(&format!(" {key}=\""));
            self.escaped(&value.to_string());
            self.out.push('"');
        }
        self.out.push_str(end);
    }

    fn escaped(&mut self, text: &str) {
        for c in visible(text).chars() {
            match c {
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '&' => self.out.push_str("&amp;"),
                '"' => self.out.push_str("&quot;"),
                c => self.out.push(c),
            }
        }
    }
}

/// A length, rounded to a tenth of a user unit to keep files small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Px(pub f64);

impl Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round();
        // NaN and infinities would make the document invalid.
        if !tenths.is_finite() || tenths == 0.0 {
            return f.write_char('0');
        }
        if tenths % 10.0 == 0.0 { write!(f, "{:.0}", tenths / 10.0) } else { write!(f, "{:.1}", tenths / 10.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped() {
        let mut svg = Svg::new();
        svg.begin("g", &[("id", &"a\"><script>")]);
        svg.label("tick", "end", (1.0, 2.25), "a<b>&\u{202e}");
        let expected = "<g id=\"a&quot;&gt;&lt;script&gt;\"><text class=\"tick\" text-anchor=\"end\" x=\"1\" y=\"2.3\">a&lt;b&gt;&amp;⟨U+202E⟩</text>\n</g>\n";
        assert_eq!(svg.finish(), expected);
    }

    #[test]
    fn lengths_are_short_and_never_nan() {
        let written: Vec<String> = [1.0, -0.04, 12.34, f64::NAN, -3.25].map(|value| Px(value).to_string()).into();
        assert_eq!(written, ["1", "0", "12.3", "0", "-3.3"]);
    }
}
