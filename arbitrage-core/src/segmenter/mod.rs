//! Where a step ends: [`StepSegmenter`], one file an implementation.
//!
//! Boundaries are found in decoded text, never in ids: vocabularies merge separators with punctuation (`".\n\n"` is one
//! token of Qwen's), and a step must end at the same place for both models.

mod blank_line;
mod markers;
mod newline;
mod separators;
mod token_budget;

pub use blank_line::BlankLine;
pub use markers::StepMarkers;
pub use newline::Newline;
pub use separators::Separators;
pub use token_budget::TokenBudget;

/// Finds the end of the first complete step of a text.
///
/// A model calls [`boundary`](Self::boundary) on what it has written of the current step after each token. Once there is
/// one, the step is the text up to the first token edge at or past it; tokens after that edge are dropped.
pub trait StepSegmenter: Send + Sync {
    /// Byte offset just past the first complete step of `text`; `None` while it is open. A boundary lies on a character
    /// edge, is greater than 0, and stays where it is when text is appended, except that it may move further into
    /// appended white space.
    fn boundary(&self, text: &str) -> Option<usize>;

    /// Most tokens a step has under this segmenter, where it counts tokens. [`StepRule::new`](crate::StepRule::new) takes
    /// it into account, so models look at the rule alone.
    fn token_budget(&self) -> Option<usize> {
        None
    }

    /// Strings at which a server may stop for us; empty where none can stand for the rule.
    fn stop_sequences(&self) -> &[String] {
        &[]
    }

    /// Cuts a finished text into steps. The pieces concatenate to `text`, none is empty.
    fn segment<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(end) = self.boundary(rest).filter(|end| (1..rest.len()).contains(end)) {
            let (piece, tail) = rest.split_at(end);
            pieces.push(piece);
            rest = tail;
        }
        if !rest.is_empty() {
            pieces.push(rest);
        }
        pieces
    }
}

/// Byte offset just past the first character that is not white space: separators before it end nothing.
fn content_start(text: &str) -> Option<usize> {
    text.char_indices().find(|(_, c)| !c.is_whitespace()).map(|(at, c)| at + c.len_utf8())
}

/// `end`, moved past the white-space-only lines that follow it.
fn with_blank_lines(text: &str, end: usize) -> usize {
    let rest = &text[end..];
    let blank = &rest[..rest.len() - rest.trim_start().len()];
    blank.rfind('\n').map_or(end, |newline| end + newline + 1)
}

#[cfg(test)]
mod tests;
