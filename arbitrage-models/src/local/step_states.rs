//! Hidden states of a step.

use arbitrage_core::{Finish, Hidden};

/// The states that a step's tokens were sampled from, in the order of the tokens.
///
/// Row `i` is the state after the prefix and the first `i` tokens, from which token `i` was sampled. So no state needs a pass of
/// its own, and none depends on what follows the step.
pub(super) struct StepStates {
    rows: Vec<f32>,
    width: usize,
}

impl StepStates {
    /// No states yet; each will have `width` numbers.
    pub(super) fn new(width: usize) -> Self {
        Self { rows: Vec::new(), width }
    }

    /// No states yet, of the same width.
    pub(super) fn without_rows(&self) -> Self {
        Self::new(self.width)
    }

    /// How many states belong to a step of so many tokens, as [`Hidden`] defines it: one for each token, one more when the text
    /// ended there, and for an empty step the one after the prefix.
    pub(super) fn count(tokens: usize, finish: Finish) -> usize {
        (tokens + usize::from(finish == Finish::EndOfText)).max(1)
    }

    /// Adds the next state.
    pub(super) fn push(&mut self, row: &[f32]) {
        self.rows.extend_from_slice(row);
    }

    /// The last of the first `count` states, and their mean. They are summed in order, so that the bits depend on the states
    /// alone.
    pub(super) fn summary(&self, count: usize) -> Hidden {
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
        let mut states = StepStates::new(2);
        [[1.0, 2.0], [3.0, 6.0], [50.0, 50.0]].iter().for_each(|row| states.push(row));
        assert_eq!(states.summary(2), Hidden { last: vec![3.0, 6.0], mean: vec![2.0, 4.0] });
        assert_eq!(states.summary(1), Hidden { last: vec![1.0, 2.0], mean: vec![1.0, 2.0] });
    }

    #[test]
    fn an_end_of_text_and_an_empty_step_have_a_state() {
        assert_eq!((StepStates::count(2, Finish::Boundary), StepStates::count(2, Finish::EndOfText)), (2, 3));
        assert_eq!((StepStates::count(0, Finish::EndOfText), StepStates::count(0, Finish::Length)), (1, 1));
    }
}
