//! Where a step ends: [`StepSegmenter`] and its implementations, one in each file.
//!
//! Boundaries are found in decoded text, never in ids: vocabularies merge separators with punctuation (`".\n\n"` is one
//! token of Qwen's), and a step must end at the same point for both models.

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
/// A model calls [`boundary`](Self::boundary) after each token, on the text of the current step so far. Once there is a boundary, the
/// step ends at the first token edge at or past it, and tokens after that edge are dropped.
///
/// ```
/// use arbitrage_core::{Engine, Problem, StepSegmenter, router::AlwaysDraft, testing::Scripted};
///
/// /// Ends a step after each semicolon.
/// struct Semicolon;
///
/// impl StepSegmenter for Semicolon {
///     fn boundary(&self, text: &str) -> Option<usize> {
///         text.find(';').map(|at| at + 1)
///     }
/// }
///
/// assert_eq!(Semicolon.segment("x = 6; y = 7; x * y = 42"), ["x = 6;", " y = 7;", " x * y = 42"]);
/// let draft = Scripted::new("draft", ["x = 6;", " x * 7 = 42"]);
/// let mut engine = Engine::new(draft, Scripted::new("target", []), AlwaysDraft).with_segmenter(Semicolon);
/// assert_eq!(engine.solve(&Problem::new("6 × 7?"))?.steps.len(), 2);
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
pub trait StepSegmenter: Send + Sync {
    /// Byte offset just past the first complete step of `text`; `None` while the step is incomplete. A boundary lies on a character
    /// edge and is greater than 0. It does not move when text is appended, except further into appended white space.
    fn boundary(&self, text: &str) -> Option<usize>;

    /// Most tokens in a step, for segmenters that count tokens. [`StepRule::new`](crate::StepRule::new) applies it, so models need
    /// to look at the rule's limit only.
    fn token_budget(&self) -> Option<usize> {
        None
    }

    /// Stop strings for a server, each of which completes a step; empty if stop strings cannot express the rule.
    fn stop_sequences(&self) -> &[String] {
        &[]
    }

    /// Cuts a finished text into steps. None is empty, and joined they are `text`.
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

/// Byte offset just past the first character that is not white space. Separators before it end no step.
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
