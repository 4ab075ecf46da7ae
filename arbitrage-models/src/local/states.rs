//! Hidden states of a step.

use arbitrage_core::{Finish, Hidden};

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
