//! Steps that end at a blank line, as in the paper.

use super::{StepSegmenter, content_start, with_blank_lines};

/// Ends a step at the first blank line (`"\n\n"`; paper, §3) after some text.
///
/// Lines of white space that follow directly belong to the step as well, so that no step starts with one. Line ends may be `"\r\n"`.
///
/// ```
/// use arbitrage_core::{StepSegmenter, segmenter::BlankLine};
/// assert_eq!(BlankLine::new().segment("one\n\n\ntwo\n\nthree"), ["one\n\n\n", "two\n\n", "three"]);
/// ```
#[derive(Clone, Debug)]
pub struct BlankLine {
    stops: [String; 1],
}

impl BlankLine {
    /// The segmenter. It has no parameters.
    pub fn new() -> Self {
        Self { stops: ["\n\n".to_owned()] }
    }
}

impl Default for BlankLine {
    fn default() -> Self {
        Self::new()
    }
}

impl StepSegmenter for BlankLine {
    fn boundary(&self, text: &str) -> Option<usize> {
        let start = content_start(text)?;
        let newlines = text[start..].match_indices('\n').map(|(at, _)| start + at + 1);
        let mut ends = newlines.filter_map(|line| {
            let rest = &text[line..];
            let blank = rest.strip_prefix('\n').or_else(|| rest.strip_prefix("\r\n"))?;
            Some(text.len() - blank.len())
        });
        ends.next().map(|end| with_blank_lines(text, end))
    }

    fn stop_sequences(&self) -> &[String] {
        &self.stops
    }
}
