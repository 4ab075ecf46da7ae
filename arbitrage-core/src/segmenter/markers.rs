//! Steps that begin with a marker such as `Step 2:`.

use super::{StepSegmenter, content_start};
use crate::ConfigError;

/// Ends a step before the next line that opens with a marker such as `Step 2:`, `### Step 2` or `**Step 2**`.
///
/// A marker is at the start of a line: a word (`Step` by default, in any ASCII case), blanks, a number, and a colon. In a heading or
/// in bold type no colon is needed. "Step 2 shows that …" in running text is not a marker.
///
/// When the boundary is found, the marker after it is already written. A model keeps its tokens up to the boundary and drops the
/// marker's, with which the next step begins. Stop strings cannot express this rule.
///
/// ```
/// use arbitrage_core::{StepSegmenter, segmenter::StepMarkers};
/// let steps = StepMarkers::new();
/// assert_eq!(steps.segment("Step 1: Add.\nStep 2: Check."), ["Step 1: Add.\n", "Step 2: Check."]);
/// ```
#[derive(Clone, Debug)]
pub struct StepMarkers {
    words: Vec<String>,
}

impl StepMarkers {
    /// Markers with the word `Step`.
    pub fn new() -> Self {
        Self { words: vec!["Step".to_owned()] }
    }

    /// Replaces the word by any of these.
    ///
    /// # Errors
    /// [`ConfigError::Parameter`] if there is no word, or a blank one.
    pub fn with_words<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Result<Self, ConfigError> {
        self.words = words.into_iter().map(|word| word.into().trim().to_owned()).collect();
        if self.words.is_empty() || self.words.iter().any(String::is_empty) {
            return Err(ConfigError::Parameter {
                what: "segmenter `markers`".to_owned(),
                expected: "one or more words, none blank".to_owned(),
                found: format!("{:?}", self.words),
            });
        }
        Ok(self)
    }

    /// Whether `line`, whose end may not be written yet, begins with a complete marker.
    fn begins_with_marker(&self, line: &str) -> bool {
        let line = line.trim_start_matches(BLANKS);
        let unhashed = line.trim_start_matches('#').trim_start_matches(BLANKS);
        let bare = unhashed.strip_prefix("**").or_else(|| unhashed.strip_prefix("__")).unwrap_or(unhashed);
        let emphasised = bare.len() < line.len();
        self.words
            .iter()
            .filter_map(|word| numbered(bare, word))
            .any(|rest| emphasised || rest.trim_start_matches(BLANKS).starts_with(':'))
    }
}

impl Default for StepMarkers {
    fn default() -> Self {
        Self::new()
    }
}

impl StepSegmenter for StepMarkers {
    fn boundary(&self, text: &str) -> Option<usize> {
        let start = content_start(text)?;
        let mut lines = text[start..].match_indices('\n').map(|(at, _)| start + at + 1);
        lines.find(|&line| self.begins_with_marker(&text[line..]))
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// The rest of `text` after `word`, blanks and a number, if it begins with them.
fn numbered<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(word.len())?;
    let number = rest.trim_start_matches(BLANKS);
    let after = number.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_marker = head.eq_ignore_ascii_case(word) && number.len() < rest.len() && after.len() < number.len();
    is_marker.then_some(after)
}
