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
    text: String,
    /// Where each token ends in the text, in bytes.
    edges: Vec<usize>,
}

impl<'a> StepCutter<'a> {
    /// An empty step under `rule`.
    pub fn new(rule: &StepRule<'a>) -> Self {
        Self { rule: *rule, text: String::new(), edges: Vec::new() }
    }

    /// Adds the text of the next token. Once the step is complete, returns why, and drops the tokens after its end.
    pub fn push(&mut self, token: &str) -> Option<Finish> {
        self.text.push_str(token);
        self.edges.push(self.text.len());
        if let Some(boundary) = self.rule.segmenter.boundary(&self.text) {
            let last = self.edges.partition_point(|edge| *edge < boundary);
            self.edges.truncate(last + 1);
            self.text.truncate(self.edges.last().copied().unwrap_or(0));
            return Some(Finish::Boundary);
        }
        let tokens = self.edges.len();
        (tokens >= self.rule.max_tokens).then(|| self.rule.finish_at(tokens))
    }

    /// The text of the step so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Tokens of the step so far.
    pub fn tokens(&self) -> usize {
        self.edges.len()
    }

    /// The step: `finish` is what [`push`](Self::push) returned, or [`Finish::EndOfText`] where the model ended its text.
    pub fn into_step(self, finish: Finish) -> Step {
        Step::new(self.text, finish)
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
