//! The examples of each batch.

use arbitrage_core::Draw;

/// Examples are sorted by length within windows of so many batches.
const WINDOW_BATCHES: usize = 16;

/// The batches of all epochs, each of which has another order. Examples of similar length are put into one batch, since shorter
/// ones are padded to the longest: shuffled examples are sorted within windows of a few batches, and then the batches are shuffled.
pub(super) struct BatchSchedule {
    lengths: Vec<usize>,
    batch: usize,
    seed: u64,
    /// The current epoch and its batches.
    epoch: Option<(usize, Vec<Vec<usize>>)>,
}

impl BatchSchedule {
    /// A schedule for examples of these lengths, at least one.
    pub(super) fn new(lengths: Vec<usize>, batch: usize, seed: u64) -> Self {
        Self { batch: batch.min(lengths.len()), lengths, seed, epoch: None }
    }

    /// The number of batches in an epoch. Examples that do not fill a batch are left out, different ones in each epoch.
    pub(super) fn batches(&self) -> usize {
        self.lengths.len() / self.batch
    }

    /// The batch of `step`, which does not depend on earlier calls.
    pub(super) fn batch(&mut self, step: usize) -> Vec<usize> {
        let (epoch, at) = (step / self.batches(), step % self.batches());
        if self.epoch.as_ref().is_none_or(|(current, _)| *current != epoch) {
            self.epoch = Some((epoch, self.arrange(epoch)));
        }
        self.epoch.as_ref().map_or_else(Vec::new, |(_, batches)| batches[at].clone())
    }

    fn arrange(&self, epoch: usize) -> Vec<Vec<usize>> {
        let mut draw = Draw::new(self.seed ^ Draw::new(epoch as u64).next_u64());
        let mut examples: Vec<usize> = (0..self.lengths.len()).collect();
        shuffle(&mut examples, &mut draw);
        examples.truncate(self.batches() * self.batch);
        examples
            .chunks_mut(WINDOW_BATCHES * self.batch)
            .for_each(|window| window.sort_by_key(|&at| (self.lengths[at], at)));
        let mut batches: Vec<Vec<usize>> = examples.chunks(self.batch).map(<[usize]>::to_vec).collect();
        shuffle(&mut batches, &mut draw);
        batches
    }
}

/// The Fisher–Yates shuffle.
fn shuffle<T>(items: &mut [T], draw: &mut Draw) {
    for at in (1..items.len()).rev() {
        items.swap(at, (draw.uniform() * (at + 1) as f64) as usize);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::BatchSchedule;

    proptest! {
        #[test]
        fn an_epoch_has_no_example_twice(lengths in prop::collection::vec(1usize..50, 1..200), batch in 1usize..20, seed: u64) {
            let count = lengths.len();
            let mut schedule = BatchSchedule::new(lengths, batch, seed);
            let batches = schedule.batches();
            let mut seen: Vec<usize> = (0..batches).flat_map(|step| schedule.batch(step)).collect();
            prop_assert_eq!(seen.len(), batches * batch.min(count));
            seen.sort();
            seen.dedup();
            prop_assert_eq!(seen.len(), batches * batch.min(count));
        }
    }

    #[test]
    fn a_batch_depends_on_its_step_alone() {
        let new = || BatchSchedule::new((0..100).map(|at| at % 7).collect(), 8, 3);
        let forward: Vec<_> = {
            let mut schedule = new();
            (0..30).map(|step| schedule.batch(step)).collect()
        };
        let backward: Vec<_> = {
            let mut schedule = new();
            (0..30).rev().map(|step| schedule.batch(step)).collect()
        };
        assert!(forward.iter().eq(backward.iter().rev()));
        assert_ne!(forward[0], forward[12], "epochs are in different orders");
    }
}
