//! The cache of one sequence, and which tokens it stands for.

use crate::decoder::{Cache, Decoder};

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
