//! One step for each line.

use super::{StepSegmenter, content_start, with_blank_lines};

/// Ends a step at the first line end after some text. Blank lines that follow directly belong to the step.
///
/// ```
/// use arbitrage_core::{StepSegmenter, segmenter::Newline};
/// assert_eq!(Newline::new().segment("one\n\ntwo\nthree"), ["one\n\n", "two\n", "three"]);
/// ```
#[derive(Clone, Debug)]
pub struct Newline {
    stops: [String; 1],
}

impl Newline {
    /// The segmenter. It has no parameters.
    pub fn new() -> Self {
        Self { stops: ["\n".to_owned()] }
    }
}

impl Default for Newline {
    fn default() -> Self {
        Self::new()
    }
}

impl StepSegmenter for Newline {
    fn boundary(&self, text: &str) -> Option<usize> {
        let start = content_start(text)?;
        let line_end = start + text[start..].find('\n')?;
        Some(with_blank_lines(text, line_end + 1))
    }

    fn stop_sequences(&self) -> &[String] {
        &self.stops
    }
}
