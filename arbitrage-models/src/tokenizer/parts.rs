//! The parts of a tokenizer, from either file format, and the checks that both formats need.

use super::alphabet::Alphabet;
use super::pipeline::{AddedTokenWithId, Pipeline, without_leading_space};
use super::table::{TokenKind, TokenTable, VocabularyEntry};
use super::{Tokenizer, ends};
use crate::error::{Error, Result};
use arbitrage_core::text::excerpt;
use serde_json::Value;
use std::path::PathBuf;
use tokenizers::models::bpe::{BPE, Vocab};

/// Most rows of a vocabulary, more than any model has. A larger id is refused before memory is allocated for it.
pub(super) const MAX_TOKENS: usize = 1 << 20;

/// A vocabulary and its rules, not checked yet.
pub(super) struct TokenizerParts {
    pub path: PathBuf,
    /// Every row, by id.
    pub entries: Vec<VocabularyEntry>,
    pub alphabet: Alphabet,
    /// Pairs of pieces, in order of precedence.
    pub merges: Vec<(String, String)>,
    /// Whether a word that is a token is taken whole, without applying the merges (`ignore_merges`, Llama 3).
    pub ignore_merges: bool,
    pub added: Vec<AddedTokenWithId>,
    /// In the format of a `tokenizer.json`.
    pub normalizer: Value,
    /// In the format of a `tokenizer.json`.
    pub pre_tokenizer: Value,
    /// End tokens that the files list.
    pub ends: Vec<u32>,
    pub bos: Option<u32>,
    /// Whether a prompt begins with `bos`.
    pub add_bos: bool,
    pub chat_template: Option<String>,
    /// The special tokens by the name that templates have for them.
    pub template_tokens: Vec<(String, String)>,
}

impl TokenizerParts {
    /// Checks everything and builds the tokenizer.
    pub(super) fn assemble(self) -> Result<Tokenizer> {
        let table = TokenTable::new(&self.entries, self.alphabet)
            .ok_or_else(|| self.error("expected tokens of at most 4 GiB in total, found more"))?;
        let ends = self.end_tokens()?;
        self.check_id("beginning-of-text", self.bos)?;
        let prompt = self.pipeline(&self.added, &self.normalizer, &self.pre_tokenizer)?;
        let plain: Vec<AddedTokenWithId> = self.added.iter().filter(|added| !added.token.special).cloned().collect();
        let (normalizer, pre_tokenizer) =
            (without_leading_space(&self.normalizer), without_leading_space(&self.pre_tokenizer));
        let continuation = self.pipeline(&plain, &normalizer, &pre_tokenizer)?;
        let (bos, add_bos, fingerprint) = (self.bos, self.add_bos, table.fingerprint());
        let (path, chat_template) = (self.path.clone(), self.chat_template.clone());
        let template_tokens = self.template_tokens.clone();
        let model = self.model()?;
        Ok(Tokenizer {
            path,
            model,
            prompt,
            continuation,
            table,
            ends,
            bos,
            add_bos,
            fingerprint,
            chat_template,
            template_tokens,
        })
    }

    /// An error that names the file.
    pub(super) fn error(&self, reason: impl ToString) -> Error {
        Error::Tokenizer { path: self.path.clone(), reason: reason.to_string() }
    }

    fn pipeline(&self, added: &[AddedTokenWithId], normalizer: &Value, pre_tokenizer: &Value) -> Result<Pipeline> {
        Pipeline::new(added, normalizer, pre_tokenizer).map_err(|error| self.error(error))
    }

    fn check_id(&self, name: &str, id: Option<u32>) -> Result<()> {
        match id {
            Some(id) if id as usize >= self.entries.len() => {
                Err(self.error(format!("{name} id: expected one below the {} tokens, found {id}", self.entries.len())))
            }
            _ => Ok(()),
        }
    }

    /// The end tokens that the files list and, after them, the well-known ones that the vocabulary has.
    fn end_tokens(&self) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        for &id in &self.ends {
            self.check_id("end-of-text", Some(id))?;
            found.push(id);
        }
        let known = |(_, entry): &(usize, &VocabularyEntry)| {
            entry.kind == TokenKind::Control && ends::WELL_KNOWN.contains(&entry.text.as_str())
        };
        found.extend(self.entries.iter().enumerate().filter(known).map(|(id, _)| id as u32));
        let mut seen = std::collections::HashSet::new();
        found.retain(|id| seen.insert(*id));
        if found.is_empty() {
            return Err(self.error(
                "expected an end token, in the configuration or a well-known one in the vocabulary, found none: \
                 generation would never end",
            ));
        }
        Ok(found)
    }

    /// The BPE model over all tokens that text may become. Control tokens are left out, so that no text is merged into one.
    fn model(self) -> Result<BPE> {
        let mut vocabulary = Vocab::with_capacity(self.entries.len());
        let mut unknown = None;
        for (id, entry) in self.entries.iter().enumerate() {
            match entry.kind {
                TokenKind::Control | TokenKind::Padding => continue,
                TokenKind::Unknown => unknown = unknown.or(Some(entry.text.clone())),
                TokenKind::Normal | TokenKind::Added => {}
            }
            vocabulary.entry(entry.text.clone()).or_insert(id as u32);
        }
        for (rank, (left, right)) in self.merges.iter().enumerate() {
            if let Some(missing) = missing_piece(&vocabulary, left, right) {
                let [left, right, missing] = [left, right, &missing].map(|piece| excerpt(piece));
                let reason = format!("merge {rank} (`{left}` + `{right}`): `{missing}` is not in the vocabulary");
                return Err(self.error(reason));
            }
        }
        let path = self.path;
        let sentence_piece = self.alphabet == Alphabet::Pieces;
        let mut builder = BPE::builder()
            .vocab_and_merges(vocabulary, self.merges)
            .ignore_merges(self.ignore_merges)
            .byte_fallback(sentence_piece)
            .fuse_unk(sentence_piece);
        if let Some(unknown) = unknown {
            builder = builder.unk_token(unknown);
        }
        builder.build().map_err(|error| Error::Tokenizer { path, reason: error.to_string() })
    }
}

/// The first piece of a merge that is not in the vocabulary. The library does not check its merges and would panic.
fn missing_piece(vocabulary: &Vocab, left: &str, right: &str) -> Option<String> {
    let whole = format!("{left}{right}");
    [left, right, &whole].into_iter().find(|piece| !vocabulary.contains_key(*piece)).map(str::to_owned)
}
