//! A sequence's cache together with the tokens in it.

use crate::decoder::Cache;

/// Most rows of one pass: this bounds the memory that activations take.
const MAX_ROWS_PER_PASS: usize = 512;

/// Divides the rows of one pass among sequences with so many pending tokens each, first come, first served. Returns each
/// sequence's share and the rows that are left.
pub(crate) fn share_rows(pending: impl Iterator<Item = usize>) -> (Vec<usize>, usize) {
    let mut room = MAX_ROWS_PER_PASS;
    let share = |pending: usize| {
        let take = pending.min(room);
        room -= take;
        take
    };
    let takes = pending.map(share).collect();
    (takes, room)
}

/// A key-value cache and the tokens whose keys and values it has.
pub(crate) struct CachedSequence {
    pub cache: Cache,
    pub cached_tokens: Vec<u32>,
}

impl CachedSequence {
    /// A sequence with nothing in its `cache` yet.
    pub(crate) fn new(cache: Cache) -> Self {
        Self { cache, cached_tokens: Vec::new() }
    }

    /// Truncates the cache to the longest common prefix with `tokens`, without the last of `tokens`, whose logits are needed.
    /// Returns the number of cached tokens.
    pub(crate) fn roll_back(&mut self, tokens: &[u32]) -> usize {
        self.roll_back_before(tokens, tokens.len().saturating_sub(1))
    }

    /// Truncates the cache to the longest common prefix with `tokens` that ends before token `first_output`, whose state is
    /// needed. Returns the number of cached tokens.
    pub(crate) fn roll_back_before(&mut self, tokens: &[u32], first_output: usize) -> usize {
        let common = self.cached_tokens.iter().zip(tokens).take_while(|(cached, wanted)| cached == wanted).count();
        let kept = common.min(first_output);
        self.cached_tokens.truncate(kept);
        self.cache.truncate(kept);
        kept
    }
}
