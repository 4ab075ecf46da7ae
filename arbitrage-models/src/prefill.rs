//! Prefill: runs texts whose tokens are all known through their caches, several texts in a pass.

use std::collections::HashSet;

use arbitrage_core::SequenceId;
use burn::tensor::Tensor;

use crate::decoder::{Backbone, Outputs, Span};
use crate::error::Result;
use crate::sequence::{CachedSequence, share_rows};

/// A text whose tokens are being run through its sequence's cache.
pub(crate) struct Prefill<'a> {
    sequence: CachedSequence,
    tokens: &'a [u32],
    first_output: usize,
}

impl<'a> Prefill<'a> {
    /// Starts with what `sequence` has cached of `tokens`. The states of token `first_output`, an index into `tokens`, and of all
    /// tokens after it will be computed.
    pub(crate) fn begin(mut sequence: CachedSequence, tokens: &'a [u32], first_output: usize) -> Self {
        sequence.roll_back_before(tokens, first_output);
        Self { sequence, tokens, first_output }
    }

    /// The sequence, whose cache now has all tokens.
    pub(crate) fn end(self) -> CachedSequence {
        self.sequence
    }

    fn pending(&self) -> usize {
        self.tokens.len() - self.sequence.cached_tokens.len()
    }

    /// How many of the next `take` tokens need their states computed.
    fn outputs(&self, take: usize) -> usize {
        take.min((self.sequence.cached_tokens.len() + take).saturating_sub(self.first_output))
    }
}

/// Runs passes until no text has pending tokens. After each pass `each` receives the requested states, `[outputs, hidden]`, and
/// for each of them the index in `texts` that it belongs to. The states of one text come in the order of its tokens.
pub(crate) fn prefill(
    body: &Backbone,
    texts: &mut [Prefill<'_>],
    mut each: impl FnMut(Tensor<2>, &[usize]) -> Result<()>,
) -> Result<()> {
    while texts.iter().any(|text| text.pending() > 0) {
        let (takes, _) = share_rows(texts.iter().map(Prefill::pending));
        let outputs =
            |(at, (text, &take)): (usize, (&Prefill<'_>, &usize))| std::iter::repeat_n(at, text.outputs(take));
        let owners: Vec<usize> = texts.iter().zip(&takes).enumerate().flat_map(outputs).collect();
        let states = pass(body, texts, &takes)?;
        for (text, &take) in texts.iter_mut().zip(&takes) {
            let cached = text.sequence.cached_tokens.len();
            text.sequence.cached_tokens.extend_from_slice(&text.tokens[cached..cached + take]);
        }
        if let Some(states) = states {
            each(states, &owners)?;
        }
    }
    Ok(())
}

fn pass(body: &Backbone, texts: &mut [Prefill<'_>], takes: &[usize]) -> Result<Option<Tensor<2>>> {
    let mut spans = Vec::with_capacity(texts.len());
    for (text, &take) in texts.iter_mut().zip(takes).filter(|(_, take)| **take > 0) {
        let outputs = match text.outputs(take) {
            0 => Outputs::None,
            count => Outputs::Tail(count),
        };
        let cached = text.sequence.cached_tokens.len();
        spans.push(Span { cache: &mut text.sequence.cache, tokens: &text.tokens[cached..cached + take], outputs });
    }
    body.hidden(&mut spans)
}

/// Answers requests in several calls of `answer`, in none of which a sequence occurs twice: each sequence has only one cache.
/// The answers are in the order of the requests.
pub(crate) fn in_rounds<R: Copy, A>(
    requests: &[R],
    id: impl Fn(&R) -> SequenceId,
    mut answer: impl FnMut(&[R]) -> Vec<A>,
) -> Vec<A> {
    let mut answers: Vec<Option<A>> = requests.iter().map(|_| None).collect();
    let mut waiting: Vec<usize> = (0..requests.len()).collect();
    while !waiting.is_empty() {
        let mut seen = HashSet::new();
        let (round, later): (Vec<usize>, Vec<usize>) =
            waiting.into_iter().partition(|&at| seen.insert(id(&requests[at])));
        let batch: Vec<R> = round.iter().map(|&at| requests[at]).collect();
        round.into_iter().zip(answer(&batch)).for_each(|(at, result)| answers[at] = Some(result));
        waiting = later;
    }
    answers.into_iter().flatten().collect()
}

/// Answers all requests in one call. When that call fails, each request gets a call of its own, so that a request that cannot
/// be answered does not fail the others.
pub(crate) fn batch_or_singly<R, A>(requests: &[R], mut answer: impl FnMut(&[R]) -> Result<Vec<A>>) -> Vec<Result<A>> {
    match answer(requests) {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(error) if requests.len() == 1 => vec![Err(error)],
        Err(_) => {
            let single = |one: &[R]| answer(one).map(|answers| answers.into_iter().next());
            requests.chunks(1).map(single).filter_map(Result::transpose).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn a_sequence_occurs_once_in_a_round_and_answers_keep_their_order() {
        let mut rounds = Vec::new();
        let requests = [(1, 'a'), (2, 'b'), (1, 'c'), (1, 'd'), (3, 'e')];
        let answers = in_rounds(
            &requests,
            |(id, _)| SequenceId(*id),
            |round| {
                rounds.push(round.len());
                round.iter().map(|(_, letter)| *letter).collect()
            },
        );
        assert_eq!((answers, rounds), (vec!['a', 'b', 'c', 'd', 'e'], vec![3, 1, 1]));
    }

    #[test]
    fn a_failing_request_does_not_fail_the_others() {
        let refuse = || Error::Parameter { name: "x", expected: "even".to_owned(), found: "odd".to_owned() };
        let halve = |numbers: &[u32]| match numbers.iter().all(|n| n % 2 == 0) {
            true => Ok(numbers.iter().map(|n| n / 2).collect()),
            false => Err(refuse()),
        };
        let halves: Vec<_> = batch_or_singly(&[2, 3, 8], halve).into_iter().map(Result::ok).collect();
        assert_eq!(halves, [Some(1), None, Some(4)]);
        assert!(batch_or_singly(&[], halve).is_empty());
    }
}
