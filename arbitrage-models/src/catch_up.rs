//! Reading texts whose tokens are all known, several at a time, through caches that are kept.

use std::collections::HashSet;

use arbitrage_core::SequenceId;
use burn::tensor::Tensor;

use crate::decoder::{Body, Outputs, Span};
use crate::error::Result;
use crate::sequence::{Sequence, share_rows};

/// A text that is being read.
pub(crate) struct Run<'a> {
    sequence: Sequence,
    tokens: &'a [u32],
    first: usize,
}

impl<'a> Run<'a> {
    /// Reads `tokens` after what `sequence` holds of them, to get the states of token `first` and of all behind it. `first` is
    /// one of `tokens`.
    pub fn begin(mut sequence: Sequence, tokens: &'a [u32], first: usize) -> Self {
        sequence.roll_back_before(tokens, first);
        Self { sequence, tokens, first }
    }

    /// The sequence, which now holds all tokens.
    pub fn end(self) -> Sequence {
        self.sequence
    }

    fn pending(&self) -> usize {
        self.tokens.len() - self.sequence.held.len()
    }

    /// How many of the next `take` tokens are wanted.
    fn wanted(&self, take: usize) -> usize {
        take.min((self.sequence.held.len() + take).saturating_sub(self.first))
    }
}

/// Reads on until nothing is pending. `each` gets every pass's wanted states, `[wanted, hidden]`, and for each of them which of
/// `runs` it belongs to. A run's states come in the order of its tokens.
pub(crate) fn catch_up(
    body: &Body,
    runs: &mut [Run<'_>],
    mut each: impl FnMut(Tensor<2>, &[usize]) -> Result<()>,
) -> Result<()> {
    while runs.iter().any(|run| run.pending() > 0) {
        let (takes, _) = share_rows(runs.iter().map(Run::pending));
        let wanted = |(at, (run, &take)): (usize, (&Run<'_>, &usize))| std::iter::repeat_n(at, run.wanted(take));
        let owners: Vec<usize> = runs.iter().zip(&takes).enumerate().flat_map(wanted).collect();
        let states = pass(body, runs, &takes)?;
        for (run, &take) in runs.iter_mut().zip(&takes) {
            let held = run.sequence.held.len();
            run.sequence.held.extend_from_slice(&run.tokens[held..held + take]);
        }
        if let Some(states) = states {
            each(states, &owners)?;
        }
    }
    Ok(())
}

fn pass(body: &Body, runs: &mut [Run<'_>], takes: &[usize]) -> Result<Option<Tensor<2>>> {
    let mut spans = Vec::with_capacity(runs.len());
    for (run, &take) in runs.iter_mut().zip(takes).filter(|(_, take)| **take > 0) {
        let outputs = match run.wanted(take) {
            0 => Outputs::None,
            wanted => Outputs::Tail(wanted),
        };
        let held = run.sequence.held.len();
        spans.push(Span { cache: &mut run.sequence.cache, tokens: &run.tokens[held..held + take], outputs });
    }
    body.hidden(&mut spans)
}

/// Answers requests in calls in which no sequence comes twice, since there is one cache a sequence. Answers are in the order of
/// the requests.
pub(crate) fn in_turns<R: Copy, A>(
    requests: &[R],
    id: impl Fn(&R) -> SequenceId,
    mut answer: impl FnMut(&[R]) -> Vec<A>,
) -> Vec<A> {
    let mut answers: Vec<Option<A>> = requests.iter().map(|_| None).collect();
    let mut waiting: Vec<usize> = (0..requests.len()).collect();
    while !waiting.is_empty() {
        let mut seen = HashSet::new();
        let (turn, later): (Vec<usize>, Vec<usize>) =
            waiting.into_iter().partition(|&at| seen.insert(id(&requests[at])));
        let chosen: Vec<R> = turn.iter().map(|&at| requests[at]).collect();
        turn.into_iter().zip(answer(&chosen)).for_each(|(at, given)| answers[at] = Some(given));
        waiting = later;
    }
    answers.into_iter().flatten().collect()
}

/// Answers all requests in one call, or, when that fails, each in a call of its own, so that those which can be answered are.
pub(crate) fn each_if_not_all<R, A>(requests: &[R], mut answer: impl FnMut(&[R]) -> Result<Vec<A>>) -> Vec<Result<A>> {
    match answer(requests) {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(error) if requests.len() == 1 => vec![Err(error)],
        Err(_) => {
            let alone = |one: &[R]| answer(one).map(|answers| answers.into_iter().next());
            requests.chunks(1).map(alone).filter_map(Result::transpose).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn a_sequence_comes_once_a_turn_and_answers_keep_their_order() {
        let mut turns = Vec::new();
        let requests = [(1, 'a'), (2, 'b'), (1, 'c'), (1, 'd'), (3, 'e')];
        let answers = in_turns(
            &requests,
            |(id, _)| SequenceId(*id),
            |turn| {
                turns.push(turn.len());
                turn.iter().map(|(_, letter)| *letter).collect()
            },
        );
        assert_eq!((answers, turns), (vec!['a', 'b', 'c', 'd', 'e'], vec![3, 1, 1]));
    }

    #[test]
    fn one_that_fails_fails_alone() {
        let refuse = || Error::Parameter { name: "x", expected: "even".to_owned(), found: "odd".to_owned() };
        let halve = |numbers: &[u32]| match numbers.iter().all(|n| n % 2 == 0) {
            true => Ok(numbers.iter().map(|n| n / 2).collect()),
            false => Err(refuse()),
        };
        let halves: Vec<_> = each_if_not_all(&[2, 3, 8], halve).into_iter().map(Result::ok).collect();
        assert_eq!(halves, [Some(1), None, Some(4)]);
        assert!(each_if_not_all(&[], halve).is_empty());
    }
}
