//! The cache of one sequence, and which tokens it stands for.

use crate::decoder::Cache;

/// Most rows a pass: bounds the memory that activations take.
const ROWS: usize = 512;

/// Shares a pass's rows out among sequences with so many tokens pending, in their order. Returns what is left, too.
pub(crate) fn share_rows(pending: impl Iterator<Item = usize>) -> (Vec<usize>, usize) {
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
pub(crate) struct Sequence {
    pub cache: Cache,
    pub held: Vec<u32>,
}

impl Sequence {
    /// An empty `cache`, of a sequence of which nothing was read yet.
    pub fn new(cache: Cache) -> Self {
        Self { cache, held: Vec::new() }
    }

    /// Rolls back to what `tokens` begins with, short of its last token, whose logits are needed. Returns what is held now.
    pub fn roll_back(&mut self, tokens: &[u32]) -> usize {
        self.roll_back_before(tokens, tokens.len().saturating_sub(1))
    }

    /// Rolls back to what `tokens` begins with, short of token `first`, whose state is needed. Returns what is held now.
    pub fn roll_back_before(&mut self, tokens: &[u32], first: usize) -> usize {
        let common = self.held.iter().zip(tokens).take_while(|(held, wanted)| held == wanted).count();
        let kept = common.min(first);
        self.held.truncate(kept);
        self.cache.truncate(kept);
        kept
    }
}
