//! What a tokenizer is made of, whichever file it was read from, and the checks that all of them need.

use super::alphabet::Alphabet;
use super::pipeline::{Added, Pipeline, without_leading_space};
use super::table::{Entry, Kind, Table};
use super::{Tokenizer, ends};
use crate::error::{Error, Result};
use arbitrage_core::text::excerpt as shown;
use serde_json::Value;
use std::path::PathBuf;
use tokenizers::models::bpe::{BPE, Vocab};

/// More rows than any model has; a larger id is a corrupt file, refused before anything is allocated for it.
pub(super) const MOST_TOKENS: usize = 1 << 20;

/// A vocabulary and its rules, read but not yet trusted.
pub(super) struct Parts {
    pub path: PathBuf,
    /// Every row, by id.
    pub entries: Vec<Entry>,
    pub alphabet: Alphabet,
    /// Pairs of pieces in the order in which they are merged.
    pub merges: Vec<(String, String)>,
    /// Whether a word that is a token is taken whole, without asking the merges (Llama 3).
    pub whole_words: bool,
    pub added: Vec<Added>,
    /// In the notation of a `tokenizer.json`.
    pub normalizer: Value,
    /// In the notation of a `tokenizer.json`.
    pub pre_tokenizer: Value,
    /// End tokens that the files name.
    pub ends: Vec<u32>,
    pub bos: Option<u32>,
    /// Whether a prompt begins with `bos`.
    pub add_bos: bool,
    pub chat_template: Option<String>,
}

impl Parts {
    /// Checks everything and builds the tokenizer.
    pub(super) fn assemble(self) -> Result<Tokenizer> {
        let table = Table::new(&self.entries, self.alphabet).ok_or_else(|| self.error("its texts pass 4 GiB"))?;
        let ends = self.end_tokens()?;
        self.check_id("beginning-of-text", self.bos)?;
        let prompt = self.pipeline(&self.added, &self.normalizer, &self.pre_tokenizer)?;
        let plain: Vec<Added> = self.added.iter().filter(|added| !added.token.special).cloned().collect();
        let (normalizer, pre_tokenizer) =
            (without_leading_space(&self.normalizer), without_leading_space(&self.pre_tokenizer));
        let continuation = self.pipeline(&plain, &normalizer, &pre_tokenizer)?;
        let (bos, add_bos, fingerprint) = (self.bos, self.add_bos, table.fingerprint());
        let (path, chat_template) = (self.path.clone(), self.chat_template.clone());
        let model = self.model()?;
        Ok(Tokenizer { path, model, prompt, continuation, table, ends, bos, add_bos, fingerprint, chat_template })
    }

    /// An error that names the file.
    pub(super) fn error(&self, reason: impl ToString) -> Error {
        Error::Tokenizer { path: self.path.clone(), reason: reason.to_string() }
    }

    fn pipeline(&self, added: &[Added], normalizer: &Value, pre_tokenizer: &Value) -> Result<Pipeline> {
        Pipeline::new(added, normalizer, pre_tokenizer).map_err(|error| self.error(error))
    }

    fn check_id(&self, name: &str, id: Option<u32>) -> Result<()> {
        match id {
            Some(id) if id as usize >= self.entries.len() => {
                Err(self.error(format!("the {name} id {id} is not below the {} tokens", self.entries.len())))
            }
            _ => Ok(()),
        }
    }

    /// The end tokens of the files and, after them, the well-known ones that the vocabulary has.
    fn end_tokens(&self) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        for &id in &self.ends {
            self.check_id("end-of-text", Some(id))?;
            found.push(id);
        }
        let known = |(_, entry): &(usize, &Entry)| {
            entry.kind == Kind::Control && ends::WELL_KNOWN.contains(&entry.text.as_str())
        };
        found.extend(self.entries.iter().enumerate().filter(known).map(|(id, _)| id as u32));
        let mut seen = std::collections::HashSet::new();
        found.retain(|id| seen.insert(*id));
        if found.is_empty() {
            return Err(self.error(
                "no end token: neither the configuration names one nor has the vocabulary a well-known one, \
                 so that nothing would ever end",
            ));
        }
        Ok(found)
    }

    /// The merges, over every row that text can become: control tokens are left out, so that no text is merged into one.
    fn model(self) -> Result<BPE> {
        let mut vocabulary = Vocab::with_capacity(self.entries.len());
        let mut unknown = None;
        for (id, entry) in self.entries.iter().enumerate() {
            match entry.kind {
                Kind::Control | Kind::Padding => continue,
                Kind::Unknown => unknown = unknown.or(Some(entry.text.clone())),
                Kind::Normal | Kind::Added => {}
            }
            vocabulary.entry(entry.text.clone()).or_insert(id as u32);
        }
        for (rank, (left, right)) in self.merges.iter().enumerate() {
            if let Some(absent) = absent_piece(&vocabulary, left, right) {
                let [left, right, absent] = [left, right, &absent].map(|piece| shown(piece));
                let reason = format!("merge {rank} (`{left}` + `{right}`): `{absent}` is not in the vocabulary");
                return Err(self.error(reason));
            }
        }
        let path = self.path;
        let pieces = self.alphabet == Alphabet::Pieces;
        let mut builder = BPE::builder()
            .vocab_and_merges(vocabulary, self.merges)
            .ignore_merges(self.whole_words)
            .byte_fallback(pieces)
            .fuse_unk(pieces);
        if let Some(unknown) = unknown {
            builder = builder.unk_token(unknown);
        }
        builder.build().map_err(|error| Error::Tokenizer { path, reason: error.to_string() })
    }
}

/// The piece of a merge that the vocabulary lacks. The library trusts its merges and would panic.
fn absent_piece(vocabulary: &Vocab, left: &str, right: &str) -> Option<String> {
    let whole = format!("{left}{right}");
    [left, right, &whole].into_iter().find(|piece| !vocabulary.contains_key(*piece)).map(str::to_owned)
}
