//! The parts of a tokenizer, from either file format, and the checks that both formats need.

use super::alphabet::Alphabet;
use super::control_names::ControlNames;
use super::pipeline::{AddedTokenWithId, Pipeline, after_the_first_piece, without_leading_space};
use super::rendered::TextPipelines;
use super::table::{TokenKind, TokenTable, VocabularyEntry};
use super::{Tokenizer, ends};
use crate::error::{Error, Result};
use arbitrage_core::text::excerpt;
use serde_json::Value;
use std::path::PathBuf;
use tokenizers::models::bpe::{BPE, Vocab};

/// Most rows of a vocabulary, more than any model has. A larger id is refused before memory is allocated for it.
pub(super) const MAX_TOKENS: usize = 1 << 20;

/// Longest name of a control token; real ones have at most some dozens of bytes.
const MAX_CONTROL_BYTES: usize = 256;

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
    /// Whether a byte-level vocabulary needs merges. One that consists of words which are taken whole does not.
    pub merges_required: bool,
    /// Whether a character without a token becomes its bytes' tokens.
    pub byte_fallback: bool,
    /// Whether neighbouring characters without a token become one unknown token.
    pub fuse_unk: bool,
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
    /// See [`Tokenizer::warnings`].
    pub warnings: Vec<String>,
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
        if self.add_bos && self.bos.is_none() {
            return Err(self.error(
                "expected a beginning-of-text token, since prompts begin with it (add_bos_token), found none in the configuration",
            ));
        }
        if self.merges_required {
            self.check_merges()?;
        }
        self.check_controls()?;
        let prompt = self.pipeline(&self.added, &self.normalizer, &self.pre_tokenizer)?;
        let (controls, plain): (Vec<_>, Vec<_>) = self.added.iter().cloned().partition(|added| added.token.special);
        let text = TextPipelines {
            first: self.pipeline(&plain, &self.normalizer, &self.pre_tokenizer)?,
            later: self.pipeline(&plain, &self.normalizer, &after_the_first_piece(&self.pre_tokenizer))?,
            matches_normalized: !self.normalizer.is_null() && controls.iter().any(|added| added.token.normalized),
        };
        let (normalizer, pre_tokenizer) =
            (without_leading_space(&self.normalizer), without_leading_space(&self.pre_tokenizer));
        Ok(Tokenizer {
            prompt,
            continuation: self.pipeline(&plain, &normalizer, &pre_tokenizer)?,
            text,
            control_names: ControlNames::new(controls.into_iter().map(|added| added.token.content)),
            fingerprint: table.fingerprint(),
            longest_token: table.longest(),
            table,
            ends,
            bos: self.bos,
            add_bos: self.add_bos,
            path: self.path.clone(),
            chat_template: self.chat_template.clone(),
            template_tokens: self.template_tokens.clone(),
            warnings: self.warnings.clone(),
            model: self.model()?,
        })
    }

    /// An error that names the file.
    pub(super) fn error(&self, reason: impl ToString) -> Error {
        Error::Tokenizer { path: self.path.clone(), reason: reason.to_string() }
    }

    fn pipeline(&self, added: &[AddedTokenWithId], normalizer: &Value, pre_tokenizer: &Value) -> Result<Pipeline> {
        Pipeline::new(added, normalizer, pre_tokenizer).map_err(|error| self.error(error))
    }

    /// Without merges, every character of a text would become a token of its own, which no model with longer tokens has seen.
    fn check_merges(&self) -> Result<()> {
        let longer = |entry: &&VocabularyEntry| entry.kind == TokenKind::Normal && entry.text.chars().nth(1).is_some();
        match self.entries.iter().find(longer) {
            Some(entry) if self.merges.is_empty() && self.alphabet == Alphabet::ByteLevel => {
                let text = excerpt(&entry.text);
                Err(self.error(format!(
                    "merges: expected those that make tokens such as `{text}` of characters, found none: the file is incomplete; \
                     convert the model again"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Names of control tokens are searched for in every text, which would take long for names of any length.
    fn check_controls(&self) -> Result<()> {
        let long = |added: &&AddedTokenWithId| added.token.special && added.token.content.len() > MAX_CONTROL_BYTES;
        match self.added.iter().find(long) {
            Some(added) => Err(self.error(format!(
                "expected control tokens of at most {MAX_CONTROL_BYTES} bytes, found `{}` of {}",
                excerpt(&added.token.content),
                added.token.content.len()
            ))),
            None => Ok(()),
        }
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
        let mut builder = BPE::builder()
            .vocab_and_merges(vocabulary, self.merges)
            .ignore_merges(self.ignore_merges)
            .byte_fallback(self.byte_fallback)
            .fuse_unk(self.fuse_unk);
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
