//! The cache of one sequence, and which tokens it stands for.

use crate::decoder::{Cache, Decoder};

/// Most rows a pass: bounds the memory that activations take.
const ROWS: usize = 512;

/// Shares a pass's rows out among sequences with so many tokens pending, in their order. Returns what is left, too.
pub(super) fn share_rows(pending: impl Iterator<Item = usize>) -> (Vec<usize>, usize) {
    let mut room = ROWS;
    let share = |pending: usize| {
        let take = pending.min(room);
        room -= take;
        take
    };
    let takes = pending.map(share).collect();
    (takes, room)
}

/// A cache and the tokens in it.
pub(super) struct Sequence {
    pub cache: Cache,
    pub held: Vec<u32>,
}

impl Sequence {
    pub fn new(decoder: &Decoder) -> Self {
        Self { cache: decoder.cache(), held: Vec::new() }
    }

    /// Rolls back to what `tokens` begins with, short of its last token, whose logits are needed. Returns what is held now.
    pub fn roll_back(&mut self, tokens: &[u32]) -> usize {
        let common = self.held.iter().zip(tokens).take_while(|(held, wanted)| held == wanted).count();
        let kept = common.min(tokens.len().saturating_sub(1));
        self.held.truncate(kept);
        self.cache.truncate(kept);
        kept
    }
}
