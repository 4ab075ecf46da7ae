//! The rejected step as a guess: it is often right for a good while, and costs nothing.

use super::prompt_lookup::{agreement, follow};
use super::{Guess, Source};

/// Confidence in a token of which the writer gave no probability.
const UNKNOWN: f32 = 0.7;

/// A step that the router turned down.
#[derive(Clone, Debug)]
pub(in super::super) struct Rejected {
    tokens: Vec<u32>,
    confidences: Vec<f32>,
}

impl Rejected {
    /// The step's tokens in the verifying model's vocabulary; `logprobs` where they belong to just these tokens.
    pub fn new(tokens: Vec<u32>, logprobs: &[f32]) -> Self {
        let confidences = match logprobs.len() == tokens.len() {
            true => logprobs.iter().map(|logprob| logprob.exp()).collect(),
            false => vec![UNKNOWN; tokens.len()],
        };
        Self { tokens, confidences }
    }

    /// What the step has after `written`; where the text has left the step, what follows the place where the two meet again.
    pub fn guess(&self, written: &[u32]) -> (Guess, Source) {
        if self.tokens.starts_with(written) {
            return (self.from(written.len(), |_| 1.0), Source::Rejected);
        }
        let guess = match follow(&self.tokens, written, written.len()) {
            Some((from, agreeing)) => self.from(from, |after| agreement(agreeing, after)),
            None => Guess::default(),
        };
        (guess, Source::Rejoined)
    }

    /// The step from token `start` on; the writer's confidence is multiplied by `trust`.
    fn from(&self, start: usize, trust: impl Fn(usize) -> f32) -> Guess {
        let guesses = self.tokens[start..].iter().zip(&self.confidences[start..]).enumerate();
        guesses.map(|(after, (&id, confidence))| (id, confidence * trust(after))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_is_followed_left_and_met_again() {
        let rejected = Rejected::new(vec![1, 2, 3, 4, 5, 6], &[-0.1; 6]);
        let guess = |written: &[u32]| {
            let (guess, source) = rejected.guess(written);
            (guess.tokens, source)
        };
        assert_eq!(guess(&[]), (vec![1, 2, 3, 4, 5, 6], Source::Rejected));
        assert_eq!(guess(&[1, 2]), (vec![3, 4, 5, 6], Source::Rejected));
        assert_eq!(guess(&[1, 2, 9]), (vec![], Source::Rejoined));
        assert_eq!(guess(&[1, 2, 9, 4, 5]), (vec![6], Source::Rejoined));
        assert_eq!(guess(&[1, 2, 3, 4, 5, 6]), (vec![], Source::Rejected));
        assert_eq!(guess(&[1, 2, 3, 4, 5, 6, 7]), (vec![], Source::Rejoined));
    }

    #[test]
    fn probabilities_are_used_where_they_fit() {
        assert!((Rejected::new(vec![1], &[-1.0]).guess(&[]).0.confidences[0] - 0.36788).abs() < 1e-4);
        assert_eq!(Rejected::new(vec![1, 2], &[-1.0]).guess(&[]).0.confidences, [UNKNOWN; 2]);
    }
}
