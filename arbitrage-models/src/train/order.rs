//! Which examples make up each batch.

use arbitrage_core::Draw;

/// Batches among which examples are sorted by length.
const WINDOW: usize = 16;

/// Batches of every epoch, each epoch in another order. Examples of about one length come together, since shorter ones are
/// padded to the longest: shuffled examples are sorted within windows of a few batches, and the batches shuffled again.
pub(super) struct Order {
    lengths: Vec<usize>,
    batch: usize,
    seed: u64,
    epoch: Option<(usize, Vec<Vec<usize>>)>,
}

impl Order {
    /// `lengths` of at least one example.
    pub fn new(lengths: Vec<usize>, batch: usize, seed: u64) -> Self {
        Self { batch: batch.min(lengths.len()), lengths, seed, epoch: None }
    }

    /// Batches an epoch. What fills no batch is left out, another remainder each epoch.
    pub fn batches(&self) -> usize {
        self.lengths.len() / self.batch
    }

    /// The batch of `step`, whatever was asked before.
    pub fn batch(&mut self, step: usize) -> Vec<usize> {
        let (epoch, at) = (step / self.batches(), step % self.batches());
        if self.epoch.as_ref().is_none_or(|(held, _)| *held != epoch) {
            self.epoch = Some((epoch, self.arrange(epoch)));
        }
        self.epoch.as_ref().map_or_else(Vec::new, |(_, batches)| batches[at].clone())
    }

    fn arrange(&self, epoch: usize) -> Vec<Vec<usize>> {
        let mut draw = Draw::new(self.seed ^ Draw::new(epoch as u64).next_u64());
        let mut examples: Vec<usize> = (0..self.lengths.len()).collect();
        shuffle(&mut examples, &mut draw);
        examples.truncate(self.batches() * self.batch);
        examples.chunks_mut(WINDOW * self.batch).for_each(|window| window.sort_by_key(|&at| (self.lengths[at], at)));
        let mut batches: Vec<Vec<usize>> = examples.chunks(self.batch).map(<[usize]>::to_vec).collect();
        shuffle(&mut batches, &mut draw);
        batches
    }
}

/// Fisher and Yates.
fn shuffle<T>(items: &mut [T], draw: &mut Draw) {
    for at in (1..items.len()).rev() {
        items.swap(at, (draw.uniform() * (at + 1) as f64) as usize);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Order;

    proptest! {
        #[test]
        fn an_epoch_holds_no_example_twice(lengths in prop::collection::vec(1usize..50, 1..200), batch in 1usize..20, seed: u64) {
            let count = lengths.len();
            let mut order = Order::new(lengths, batch, seed);
            let batches = order.batches();
            let mut seen: Vec<usize> = (0..batches).flat_map(|step| order.batch(step)).collect();
            prop_assert_eq!(seen.len(), batches * batch.min(count));
            seen.sort();
            seen.dedup();
            prop_assert_eq!(seen.len(), batches * batch.min(count));
        }
    }

    #[test]
    fn a_batch_depends_on_its_step_alone() {
        let new = || Order::new((0..100).map(|at| at % 7).collect(), 8, 3);
        let forward: Vec<_> = {
            let mut order = new();
            (0..30).map(|step| order.batch(step)).collect()
        };
        let backward: Vec<_> = {
            let mut order = new();
            (0..30).rev().map(|step| order.batch(step)).collect()
        };
        assert!(forward.iter().eq(backward.iter().rev()));
        assert_ne!(forward[0], forward[12], "epochs are in different orders");
    }
}
