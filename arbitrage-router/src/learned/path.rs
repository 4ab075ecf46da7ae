//! What a sequential router remembers of a solution, and the features that it makes of it.

use arbitrage_core::{Author, Prefix};

/// The head's estimates for one drafted step: the probabilities that the final answer is right if the step is accepted, and if it
/// is escalated. Each is the score of the step that its decision commits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DecisionScores {
    /// If the drafted step is accepted.
    pub accept: f32,
    /// If the target writes the step.
    pub escalate: f32,
}

/// Names of the features of the path, in order. A step's score is that of the decision that was taken about it. Steps that the router was
/// not asked about have no score.
pub const PATH_FEATURES: [&str; 8] = [
    "score of the step if accepted",
    "score of the step if escalated",
    "least score so far",
    "log of the product of the scores so far",
    "last score",
    "log of the draft's tokens so far",
    "log of the target's tokens so far",
    "log of the step's index",
];

/// Least score in the product, so that its logarithm is finite.
const LEAST_FACTOR: f32 = 1e-3;

/// The drafted steps of a sequence that the router was asked about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Path {
    /// By position; `None` where the router was not asked.
    drafts: Vec<Option<ScoredDraft>>,
}

/// A drafted step's scores and number of tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
struct ScoredDraft {
    scores: DecisionScores,
    tokens: usize,
}

impl Path {
    /// Remembers a draft of `tokens` tokens after `prefix`, and forgets what may have been there or later: the sequence was rolled
    /// back.
    pub(super) fn remember(&mut self, prefix: &Prefix<'_>, scores: DecisionScores, tokens: usize) {
        self.drafts.resize(prefix.steps.len(), None);
        self.drafts.push(Some(ScoredDraft { scores, tokens }));
    }

    /// The numbers of [`PATH_FEATURES`] for a drafted step after `prefix` with the scores `drafted`. Without scores so far, all
    /// three of them are 1, or the logarithm of 1.
    pub(super) fn features(&self, prefix: &Prefix<'_>, drafted: DecisionScores) -> [f32; PATH_FEATURES.len()] {
        let (mut least, mut log_product, mut last) = (1.0f32, 0.0f32, 1.0f32);
        let (mut draft_tokens, mut target_tokens) = (0, 0);
        for (position, accepted) in prefix.steps.iter().enumerate() {
            let seen = self.drafts.get(position).copied().flatten();
            let committed = accepted.step.token_count();
            match accepted.author {
                Author::Draft => draft_tokens += committed,
                Author::Target => {
                    target_tokens += committed;
                    draft_tokens += seen.map_or(0, |draft| draft.tokens);
                }
            }
            if let Some(ScoredDraft { scores, .. }) = seen {
                last = if accepted.author == Author::Draft { scores.accept } else { scores.escalate };
                least = least.min(last);
                log_product += last.max(LEAST_FACTOR).ln();
            }
        }
        let log_count = |count: usize| (1.0 + count as f32).ln();
        let counts = [draft_tokens, target_tokens, prefix.steps.len()].map(log_count);
        let [draft_tokens, target_tokens, index] = counts;
        [drafted.accept, drafted.escalate, least, log_product, last, draft_tokens, target_tokens, index]
    }
}

#[cfg(test)]
mod tests {
    use arbitrage_core::{Accepted, Finish, Problem, SequenceId, Step};

    use super::*;

    fn committed(author: Author, tokens: usize) -> Accepted {
        let vocabulary = arbitrage_core::VocabularyId(1);
        Accepted { step: Step::new("a\n\n", Finish::Boundary).with_tokens(vec![0; tokens], vocabulary), author }
    }

    fn scores(accept: f32, escalate: f32) -> DecisionScores {
        DecisionScores { accept, escalate }
    }

    /// Three steps by draft, target and draft, with 2, 3 and 4 tokens; the target's replaced a draft of 7.
    fn steps() -> Vec<Accepted> {
        vec![committed(Author::Draft, 2), committed(Author::Target, 3), committed(Author::Draft, 4)]
    }

    #[test]
    fn features_follow_the_decisions_that_were_taken() {
        let (problem, steps) = (Problem::new("?"), steps());
        let prefix = |taken: usize| Prefix::new(SequenceId(0), &problem, &steps[..taken]);
        let mut path = Path::default();
        let first = path.features(&prefix(0), scores(0.5, 0.75));
        assert_eq!(first, [0.5, 0.75, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        for (position, (scores, tokens)) in
            [(scores(0.5, 0.75), 2), (scores(0.125, 0.25), 7), (scores(0.5, 1.0), 4)].into_iter().enumerate()
        {
            path.remember(&prefix(position), scores, tokens);
        }
        // Taken: accepted with 0.5, escalated with 0.25, accepted with 0.5.
        let found = path.features(&prefix(3), scores(0.0, 0.125));
        let expected = [0.0, 0.125, 0.25, (0.5f32 * 0.25 * 0.5).ln(), 0.5, 14f32.ln(), 4f32.ln(), 4f32.ln()];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn steps_that_were_not_asked_about_have_no_score() {
        let (problem, steps) = (Problem::new("?"), steps());
        let prefix = |taken: usize| Prefix::new(SequenceId(0), &problem, &steps[..taken]);
        let mut path = Path::default();
        path.remember(&prefix(2), scores(0.5, 0.75), 4);
        let found = path.features(&prefix(3), scores(0.5, 0.5));
        assert_eq!(found[2..5], [0.5, 0.5f32.ln(), 0.5]);
        assert_eq!(found[5], 7f32.ln(), "the rejected draft was not seen");
        path.remember(&prefix(1), scores(0.25, 0.25), 1);
        assert_eq!(path.features(&prefix(3), scores(0.5, 0.5))[2..5], [0.25, 0.25f32.ln(), 0.25], "rolled back");
    }

    #[test]
    fn the_logarithm_of_an_impossible_product_is_finite() {
        let (problem, steps) = (Problem::new("?"), steps());
        let mut path = Path::default();
        path.remember(&Prefix::new(SequenceId(0), &problem, &[]), scores(0.0, 0.0), 1);
        let found = path.features(&Prefix::new(SequenceId(0), &problem, &steps[..1]), scores(0.0, 0.0));
        assert!(found.iter().all(|number| number.is_finite()) && found[2] == 0.0);
    }
}
