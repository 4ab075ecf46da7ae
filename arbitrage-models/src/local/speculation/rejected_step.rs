//! The rejected step as a source of speculative tokens: much of it is often right, and it costs nothing.

use super::prompt_lookup::{find_ngram, match_confidence};
use super::{ProposalSource, ProposedTokens};

/// Confidence in a token whose probability is not known.
const DEFAULT_CONFIDENCE: f32 = 0.7;

/// A step that the router rejected.
#[derive(Clone, Debug)]
pub(in super::super) struct RejectedStep {
    tokens: Vec<u32>,
    confidences: Vec<f32>,
}

impl RejectedStep {
    /// The step's tokens in the verifying model's vocabulary. `logprobs` are used if there is one for each of these tokens.
    pub(crate) fn new(tokens: Vec<u32>, logprobs: &[f32]) -> Self {
        let confidences = match logprobs.len() == tokens.len() {
            true => logprobs.iter().map(|logprob| logprob.exp()).collect(),
            false => vec![DEFAULT_CONFIDENCE; tokens.len()],
        };
        Self { tokens, confidences }
    }

    /// The tokens that the rejected step has after `step_tokens`, those of the new step. Where the new step has diverged, the
    /// tokens after the place where it rejoins the rejected one.
    pub(crate) fn propose(&self, step_tokens: &[u32]) -> (ProposedTokens, ProposalSource) {
        if self.tokens.starts_with(step_tokens) {
            return (self.tokens_from(step_tokens.len(), |_| 1.0), ProposalSource::Rejected);
        }
        let proposed = match find_ngram(&self.tokens, step_tokens, step_tokens.len()) {
            Some(found) => self.tokens_from(found.end, |after| match_confidence(found.matched, after)),
            None => ProposedTokens::default(),
        };
        (proposed, ProposalSource::Rejoined)
    }

    /// The tokens from `start` on. The confidence in each is multiplied by `factor` of its distance from `start`.
    fn tokens_from(&self, start: usize, factor: impl Fn(usize) -> f32) -> ProposedTokens {
        let tokens = self.tokens[start..].iter().zip(&self.confidences[start..]).enumerate();
        tokens.map(|(after, (&id, confidence))| (id, confidence * factor(after))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_is_followed_left_and_rejoined() {
        let rejected = RejectedStep::new(vec![1, 2, 3, 4, 5, 6], &[-0.1; 6]);
        let propose = |step_tokens: &[u32]| {
            let (proposed, source) = rejected.propose(step_tokens);
            (proposed.tokens, source)
        };
        assert_eq!(propose(&[]), (vec![1, 2, 3, 4, 5, 6], ProposalSource::Rejected));
        assert_eq!(propose(&[1, 2]), (vec![3, 4, 5, 6], ProposalSource::Rejected));
        assert_eq!(propose(&[1, 2, 9]), (vec![], ProposalSource::Rejoined));
        assert_eq!(propose(&[1, 2, 9, 4, 5]), (vec![6], ProposalSource::Rejoined));
        assert_eq!(propose(&[1, 2, 3, 4, 5, 6]), (vec![], ProposalSource::Rejected));
        assert_eq!(propose(&[1, 2, 3, 4, 5, 6, 7]), (vec![], ProposalSource::Rejoined));
    }

    #[test]
    fn probabilities_are_used_where_there_is_one_for_each_token() {
        assert!((RejectedStep::new(vec![1], &[-1.0]).propose(&[]).0.confidences[0] - 0.36788).abs() < 1e-4);
        assert_eq!(RejectedStep::new(vec![1, 2], &[-1.0]).propose(&[]).0.confidences, [DEFAULT_CONFIDENCE; 2]);
    }
}
