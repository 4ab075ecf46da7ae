//! Steps that end at any of several separators.

use super::{StepSegmenter, content_start, with_blank_lines};
use crate::ConfigError;

/// Ends a step after the separator that is complete first, once there is some text before it. Blank lines that follow directly belong
/// to the step.
///
/// The first complete separator counts, and not the longest, since the next token must not change where a step has ended. If one
/// separator contains another, the step therefore ends with the shorter one.
///
/// ```
/// use arbitrage_core::{StepSegmenter, segmenter::Separators};
/// let sentences = Separators::new([". ", "? ", "\n"])?;
/// assert_eq!(sentences.segment("Is it 4? It is. Yes."), ["Is it 4? ", "It is. ", "Yes."]);
/// # Ok::<(), arbitrage_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Separators {
    separators: Vec<String>,
}

impl Separators {
    /// A segmenter with these separators.
    ///
    /// # Errors
    /// [`ConfigError::Parameter`] if there is no separator, or an empty one.
    pub fn new<S: Into<String>>(separators: impl IntoIterator<Item = S>) -> Result<Self, ConfigError> {
        let separators: Vec<String> = separators.into_iter().map(Into::into).collect();
        let refuse = |found: &str| ConfigError::Parameter {
            what: "segmenter `separators`".to_owned(),
            expected: "one or more separators, none empty".to_owned(),
            found: found.to_owned(),
        };
        if separators.is_empty() {
            Err(refuse("none"))
        } else if separators.iter().any(String::is_empty) {
            Err(refuse("an empty one"))
        } else {
            Ok(Self { separators })
        }
    }
}

impl StepSegmenter for Separators {
    fn boundary(&self, text: &str) -> Option<usize> {
        let start = content_start(text)?;
        let ends = self.separators.iter().filter_map(|s| Some(start + text[start..].find(s.as_str())? + s.len()));
        ends.min().map(|end| with_blank_lines(text, end))
    }

    fn stop_sequences(&self) -> &[String] {
        &self.separators
    }
}
