//! Hidden states of a step.

use arbitrage_core::{Finish, Hidden};
use burn::tensor::Tensor;

use crate::decoder::{Decoder, Span};
use crate::error::Result;

/// What a pass gives for one wanted token.
pub(super) struct Row<'a> {
    /// Scores of the next token, `[head_width]`.
    pub logits: &'a [f32],
    /// The state behind them, `[hidden]`; empty where it was not asked for.
    pub hidden: &'a [f32],
}

/// What a pass gives for all wanted tokens, a row after the other.
pub(super) struct PassRows {
    logits: Vec<f32>,
    hidden: Vec<f32>,
    head_width: usize,
    width: usize,
}

impl PassRows {
    /// Runs `spans`, and keeps the states too if they are `wanted`.
    pub fn run(decoder: &Decoder, spans: &mut [Span<'_>], wanted: bool) -> Result<Self> {
        let (mut logits, mut hidden) = (Vec::new(), Vec::new());
        if let Some(output) = decoder.forward(spans)? {
            logits = values(output.logits);
            hidden = if wanted { values(output.hidden) } else { hidden };
        }
        let width = if wanted { decoder.config().hidden } else { 0 };
        Ok(Self { logits, hidden, head_width: decoder.head_width(), width })
    }

    /// The rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let rows = self.logits.chunks_exact(self.head_width).enumerate();
        rows.map(|(at, logits)| Row { logits, hidden: &self.hidden[at * self.width..][..self.width] })
    }
}

/// The numbers of a tensor, a row after the other.
pub(crate) fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data_as::<f32>().try_into_vec::<f32>().unwrap_or_default()
}

/// The states that a step's tokens were drawn from, in the tokens' order.
///
/// Row `i` is the state after the prefix and the first `i` tokens: the one that token `i` is drawn from. So none of them needs
/// a pass of its own, and none depends on what comes after the step.
pub(super) struct States {
    rows: Vec<f32>,
    width: usize,
}

impl States {
    /// No states yet, of `width` numbers each.
    pub fn new(width: usize) -> Self {
        Self { rows: Vec::new(), width }
    }

    /// States that belong to a step of so many tokens, as [`Hidden`] defines it: one for each token, one more where the text ended, and the one
    /// after the prefix for a step of nothing.
    pub fn count(tokens: usize, finish: Finish) -> usize {
        (tokens + usize::from(finish == Finish::EndOfText)).max(1)
    }

    /// Takes the next one in.
    pub fn push(&mut self, row: &[f32]) {
        self.rows.extend_from_slice(row);
    }

    /// The last of the first `count`, and their mean: summed one after the other, so that its bits depend on the states alone.
    pub fn summary(&self, count: usize) -> Hidden {
        let rows: Vec<_> = self.rows.chunks_exact(self.width).take(count).collect();
        let mut mean = vec![0.0; self.width];
        for row in &rows {
            mean.iter_mut().zip(*row).for_each(|(sum, value)| *sum += value);
        }
        mean.iter_mut().for_each(|sum| *sum /= rows.len().max(1) as f32);
        Hidden { last: rows.last().map_or_else(Vec::new, |row| row.to_vec()), mean }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_states_of_the_step_count() {
        let mut states = States::new(2);
        [[1.0, 2.0], [3.0, 6.0], [50.0, 50.0]].iter().for_each(|row| states.push(row));
        assert_eq!(states.summary(2), Hidden { last: vec![3.0, 6.0], mean: vec![2.0, 4.0] });
        assert_eq!(states.summary(1), Hidden { last: vec![1.0, 2.0], mean: vec![1.0, 2.0] });
    }

    #[test]
    fn an_end_and_an_empty_step_have_a_state() {
        assert_eq!((States::count(2, Finish::Boundary), States::count(2, Finish::EndOfText)), (2, 3));
        assert_eq!((States::count(0, Finish::EndOfText), States::count(0, Finish::Length)), (1, 1));
    }
}
