//! A head with the rows of some tokens only.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;

/// The tokens that a trimmed head can write: all others have probability 0.
///
/// The head of a small model with a large vocabulary is a third of what decoding a token reads, and most of its rows are never
/// chosen. FR-Spec (Zhao et al., arXiv 2502.14856) keeps the most frequent tokens' rows in a draft's head; the target's head
/// stays whole, so that what the draft cannot write is the target's to write. Input is not limited: any token may stand
/// in a prompt. Log-probabilities and entropies are those among the kept tokens, a little surer than the whole head's.
///
/// Where the target checks token by token, a missing token costs one guess. Where it sees whole steps, it derails the draft,
/// which then goes on from another word: among the first 32,768 tokens of Qwen2.5 there is no `frac` and no `boxed`. Count
/// texts like those that are to be written, questions included.
///
/// Both ways of choosing add the tokens that no text can do without: those that end a text, all control tokens, and
/// single bytes, from which byte-level vocabularies spell everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadTokens {
    /// Ascending, each once, at least one.
    ids: Arc<[u32]>,
}

impl HeadTokens {
    /// These tokens, in any order, and nothing else; a [`LocalModel`](crate::LocalModel) adds its end tokens.
    ///
    /// # Errors
    /// [`Error::Parameter`] for no token at all. Ids outside the vocabulary are refused by
    /// [`Decoder::load`](super::Decoder::load).
    pub fn new(ids: impl IntoIterator<Item = u32>) -> Result<Self> {
        let mut ids: Vec<u32> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            let (expected, found) = ("at least one token".to_owned(), "none".to_owned());
            return Err(Error::Parameter { name: "head", expected, found });
        }
        Ok(Self { ids: ids.into() })
    }

    /// The first `count` tokens of the vocabulary: ids are in the order of merges, so that low ones are frequent in the text
    /// that the tokenizer was trained on, which need not be so in a domain: prefer [`counted`](Self::counted).
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `count` is 1 to the size of the vocabulary.
    pub fn first(count: usize, tokenizer: &Tokenizer) -> Result<Self> {
        Self::counted([], count, tokenizer)
    }

    /// The `count` most frequent tokens of `texts`, ties by id: where the texts have fewer, the first of the others follow.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `count` is 1 to the size of the vocabulary; [`Error::Tokenizer`] for a text that it
    /// refuses.
    pub fn counted<'t>(texts: impl IntoIterator<Item = &'t str>, count: usize, tokenizer: &Tokenizer) -> Result<Self> {
        let size = tokenizer.vocab_size();
        if !(1..=size).contains(&count) {
            let expected = format!("1 to {size} tokens");
            return Err(Error::Parameter { name: "head", expected, found: count.to_string() });
        }
        let mut counts = vec![0u64; size];
        for text in texts {
            for id in tokenizer.encode(text, crate::tokenizer::EncodeMode::Continuation)? {
                counts[id as usize] += 1;
            }
        }
        let is_token = |id: &u32| tokenizer.token_bytes(*id).is_some();
        let mut ids: Vec<u32> = (0..size as u32).filter(is_token).collect();
        ids.sort_by_key(|&id| std::cmp::Reverse(counts[id as usize])); // stable: ties stay in order of id
        ids.truncate(count);
        let single = |id: &u32| tokenizer.token_bytes(*id).is_some_and(|bytes| bytes.len() == 1);
        let needed = (0..size as u32).filter(|id| tokenizer.is_special(*id) || single(id));
        Self::new(ids.into_iter().chain(needed).chain(tokenizer.eos_ids().iter().copied()))
    }

    /// The same with `more` tokens.
    pub(crate) fn with(&self, more: &[u32]) -> Result<Self> {
        Self::new(self.ids.iter().chain(more).copied())
    }

    /// The tokens, by ascending id.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }
}
