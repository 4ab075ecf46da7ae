//! Ends a step where its rule says, for models that write token by token.

use crate::{Finish, Step, StepRule};

/// Cuts what a model writes into steps: at the first token edge at or past the boundary, or at the maximum length.
///
/// Some boundaries are found only when the next step has begun, such as a `Step 2:` marker. The cutter then drops the tokens
/// after the boundary: a model keeps the first [`tokens`](Self::tokens) of its ids and log-probabilities.
///
/// ```
/// use arbitrage_core::segmenter::StepMarkers;
/// use arbitrage_core::{Finish, StepCutter, StepRule};
///
/// let segmenter = StepMarkers::new();
/// let mut cutter = StepCutter::new(&StepRule::new(&segmenter, 100));
/// let written = ["Step 1:", " add", ".\n", "Step", " 2", ":"];
/// let finish = written.iter().find_map(|token| cutter.push(token));
/// assert_eq!((finish, cutter.tokens(), cutter.text()), (Some(Finish::Boundary), 3, "Step 1: add.\n"));
/// ```
#[derive(Clone, Debug)]
pub struct StepCutter<'a> {
    rule: StepRule<'a>,
    /// The text of complete characters.
    text: String,
    ends: Vec<TokenEnd>,
}

/// Where a token ends in the step's text.
#[derive(Clone, Copy, Debug)]
struct TokenEnd {
    /// Length of the text of complete characters after the token, in bytes.
    text_len: usize,
    /// Whether the token ends inside a character.
    splits_character: bool,
}

impl<'a> StepCutter<'a> {
    /// An empty step under `rule`.
    pub fn new(rule: &StepRule<'a>) -> Self {
        Self { rule: *rule, text: String::new(), ends: Vec::new() }
    }

    /// Adds the text of the next token. Once the step is complete, returns why, and drops the tokens after its end.
    pub fn push(&mut self, token: &str) -> Option<Finish> {
        self.push_end(token, false);
        if let Some(boundary) = self.rule.segmenter.boundary(&self.text) {
            let is_end = |end: &TokenEnd| end.text_len >= boundary && !end.splits_character;
            let last = self.ends.iter().position(is_end);
            self.truncate(last.map_or(self.ends.len(), |last| last + 1));
            return Some(Finish::Boundary);
        }
        self.finish_at_limit()
    }

    /// Adds the next token, which ends inside a character. `completed` is the text of the characters that it completes, often none. A
    /// step ends there only at the maximum length: one whose boundary the token reaches ends with the character.
    pub fn push_incomplete(&mut self, completed: &str) -> Option<Finish> {
        self.push_end(completed, true);
        self.finish_at_limit()
    }

    fn push_end(&mut self, text: &str, splits_character: bool) {
        self.text.push_str(text);
        self.ends.push(TokenEnd { text_len: self.text.len(), splits_character });
    }

    fn finish_at_limit(&self) -> Option<Finish> {
        (self.room() == 0).then(|| self.rule.finish_at(self.tokens()))
    }

    /// Tokens that the step has room for.
    pub fn room(&self) -> usize {
        self.rule.max_tokens.saturating_sub(self.tokens())
    }

    /// The text of the step so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Tokens of the step so far.
    pub fn tokens(&self) -> usize {
        self.ends.len()
    }

    /// Gives back the tokens of a character that is incomplete where the step ends, unless nothing would be left of the step, and
    /// returns how many tokens it has now.
    pub fn drop_incomplete(&mut self) -> usize {
        if let Some(last) = self.ends.iter().rposition(|end| !end.splits_character) {
            self.truncate(last + 1);
        }
        self.tokens()
    }

    /// The step: `finish` is what [`push`](Self::push) returned, or [`Finish::EndOfText`] where the model ended its text. A character
    /// that is incomplete becomes U+FFFD.
    pub fn into_step(mut self, finish: Finish) -> Step {
        if self.ends.last().is_some_and(|end| end.splits_character) {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        Step::new(self.text, finish)
    }

    fn truncate(&mut self, tokens: usize) {
        self.ends.truncate(tokens);
        self.text.truncate(self.ends.last().map_or(0, |end| end.text_len));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StepSegmenter;
    use crate::segmenter::{BlankLine, StepMarkers, TokenBudget};
    use proptest::prelude::*;

    fn cut(segmenter: &dyn StepSegmenter, max_tokens: usize, tokens: &[&str]) -> (Option<Finish>, usize, String) {
        let mut cutter = StepCutter::new(&StepRule::new(segmenter, max_tokens));
        let finish = tokens.iter().find_map(|token| cutter.push(token));
        (finish, cutter.tokens(), cutter.text().to_owned())
    }

    #[test]
    fn a_step_ends_at_the_first_token_edge_past_its_boundary() {
        for (tokens, kept, text) in [
            (vec!["a", "\n\n", "b"], 2, "a\n\n"),
            (vec!["a", "\n", "\nb", "c"], 3, "a\n\nb"),
            (vec!["a.\n\n"], 1, "a.\n\n"),
        ] {
            assert_eq!(cut(&BlankLine::new(), 9, &tokens), (Some(Finish::Boundary), kept, text.to_owned()));
        }
    }

    #[test]
    fn tokens_after_a_boundary_that_is_found_late_are_dropped() {
        let tokens = ["Step 1", ": a\n", "Step", " 2:", " b"];
        assert_eq!(cut(&StepMarkers::new(), 9, &tokens), (Some(Finish::Boundary), 2, "Step 1: a\n".to_owned()));
    }

    #[test]
    fn limits_end_a_step_without_a_boundary() {
        assert_eq!(cut(&BlankLine::new(), 2, &["a", "b", "c"]), (Some(Finish::Length), 2, "ab".to_owned()));
        assert_eq!(
            cut(&TokenBudget::new(2).unwrap(), 9, &["a", "b", "c"]),
            (Some(Finish::Boundary), 2, "ab".to_owned())
        );
        assert_eq!(cut(&BlankLine::new(), 9, &["a", "b"]), (None, 2, "ab".to_owned()));
    }

    #[test]
    fn no_step_ends_inside_a_character() {
        // A token that ends the line and begins a character: the step ends with the character.
        let segmenter = BlankLine::new();
        let mut cutter = StepCutter::new(&StepRule::new(&segmenter, 9));
        assert_eq!((cutter.push("a"), cutter.push_incomplete("\n\n"), cutter.push_incomplete("")), (None, None, None));
        assert_eq!((cutter.push("é"), cutter.tokens(), cutter.text()), (Some(Finish::Boundary), 4, "a\n\né"));
        // A limit inside a character gives its tokens back, unless the step has no others.
        let limited = |tokens: &[&str]| {
            let mut cutter = StepCutter::new(&StepRule::new(&segmenter, tokens.len() + 1));
            tokens.iter().for_each(|token| assert_eq!(cutter.push(token), None));
            let finish = cutter.push_incomplete("").unwrap();
            (cutter.drop_incomplete(), cutter.into_step(finish).text)
        };
        assert_eq!(limited(&["a", "b"]), (2, "ab".to_owned()));
        assert_eq!(limited(&[]), (1, "\u{FFFD}".to_owned()));
    }

    proptest! {
        #[test]
        fn a_cut_step_has_no_token_after_its_boundary(tokens in prop::collection::vec("[a .\n]{1,4}|Step 2: ", 1..12)) {
            for segmenter in [&BlankLine::new() as &dyn StepSegmenter, &StepMarkers::new()] {
                let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
                let (finish, kept, text) = cut(segmenter, 20, &tokens);
                prop_assert_eq!(tokens[..kept].concat(), text.clone());
                let before_last = tokens[..kept - 1].concat();
                if let (Some(Finish::Boundary), Some(boundary)) = (finish, segmenter.boundary(&tokens.concat())) {
                    prop_assert!(before_last.len() < boundary, "{:?}: {}", text, boundary);
                }
            }
        }
    }
}
