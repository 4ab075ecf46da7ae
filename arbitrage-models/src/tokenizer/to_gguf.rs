//! The vocabulary of a Hugging Face folder as the metadata of a GGUF file.
//!
//! A GGUF file has the tokens, their kinds and the merges, and names the rules that split a text. So a folder can be expressed if its
//! rules have a name. A vocabulary of whole words without merges needs rules that no name stands for: the file then holds the whole
//! `tokenizer.json`, which this crate reads, and for other programs merges that give the same tokens of texts made of those words.

use super::alphabet::Alphabet;
use super::folder::{self, FILE, read_text};
use super::gguf::GgufVocabulary;
use super::gguf_keys::{PREFIX, TOKENIZER_JSON};
use super::parts::TokenizerParts;
use super::pipeline::AddedTokenWithId;
use super::pre;
use super::table::{TokenKind, VocabularyEntry};
use crate::error::{Error, Result};
use crate::weights::gguf::{MetadataValue, Strings};
use arbitrage_core::text::excerpt;
use std::collections::BTreeSet;
use std::path::Path;

/// What to do about a vocabulary that cannot be written here.
const ADVICE: &str = "convert the folder with llama.cpp's convert_hf_to_gguf.py";
/// The name of the rules that split a text at its numbers alone, under which llama.cpp applies [`word_merges`]. This crate has no rules of
/// that name, and takes the `tokenizer.json`.
const WORDS: &str = "superbpe";
/// How the byte-level alphabet writes a space.
const SPACE: char = 'Ġ';

impl GgufVocabulary {
    /// The vocabulary of a folder with `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::NotConvertible`] for a vocabulary that a GGUF file cannot express, with the reason; otherwise as
    /// [`Tokenizer::from_folder`](super::Tokenizer::from_folder).
    pub fn of_folder(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let parts = folder::read(folder)?;
        check(&parts)?;
        let name = pre::name_of(&parts.normalizer, &parts.pre_tokenizer, parts.ignore_merges);
        let (pre, merges, tokenizer_json) = match name {
            Some(name) => (name, merge_lines(&parts)?, None),
            None if parts.merges.is_empty() && parts.ignore_merges => {
                (WORDS, word_merges(&parts.entries), read_text(&folder.join(FILE))?)
            }
            None => return refuse(&parts, "its normalizer and pre_tokenizer are none that GGUF has a name for"),
        };
        let named = |name: &str| {
            let text = &parts.template_tokens.iter().find(|(known, _)| known == name)?.1;
            parts.entries.iter().position(|entry| &entry.text == text).map(|id| id as u32)
        };
        Ok(Self {
            model: "gpt2".to_owned(),
            pre: pre.to_owned(),
            tokens: parts.entries.iter().enumerate().map(text).collect(),
            merges,
            scores: Vec::new(),
            token_types: parts.entries.iter().map(|entry| token_type(entry.kind)).collect(),
            bos: parts.bos,
            ends: ends(&parts, named("eos_token")),
            unk: named("unk_token"),
            pad: named("pad_token"),
            add_bos: parts.add_bos,
            add_space_prefix: false,
            chat_template: parts.chat_template,
            tokenizer_json,
            path: parts.path,
        })
    }

    /// The keys and values of a GGUF file with this byte-level vocabulary.
    pub fn metadata(&self) -> Vec<(String, MetadataValue)> {
        let key = |name: &str| format!("{PREFIX}{name}");
        let strings = |texts: &[String]| MetadataValue::from(texts.iter().map(String::as_str).collect::<Strings>());
        let (first_end, other_ends) = self.ends.split_at(self.ends.len().min(1));
        let mut all = vec![
            (key("model"), self.model.as_str().into()),
            (key("pre"), self.pre.as_str().into()),
            (key("tokens"), strings(&self.tokens)),
            (key("token_type"), self.token_types.as_slice().into()),
            (key("merges"), strings(&self.merges)),
            (key("add_bos_token"), self.add_bos.into()),
        ];
        let ids = [
            ("bos_token_id", self.bos),
            ("eos_token_id", first_end.first().copied()),
            ("unknown_token_id", self.unk),
            ("padding_token_id", self.pad),
        ];
        all.extend(ids.into_iter().filter_map(|(name, id)| Some((key(name), id?.into()))));
        if !other_ends.is_empty() {
            all.push((key("eos_token_ids"), other_ends.into()));
        }
        let texts = [("tokenizer.chat_template", &self.chat_template), (TOKENIZER_JSON, &self.tokenizer_json)];
        all.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.as_deref()?.into()))));
        all
    }
}

/// Refuses what the keys of a GGUF file have no place for.
fn check(parts: &TokenizerParts) -> Result<()> {
    if parts.alphabet != Alphabet::ByteLevel {
        return refuse(parts, "a SentencePiece vocabulary, whose scores tokenizer.json does not have");
    }
    if parts.byte_fallback {
        return refuse(parts, "a byte-level vocabulary with byte_fallback");
    }
    let strips = |added: &&AddedTokenWithId| {
        let token = &added.token;
        token.lstrip || token.rstrip || token.single_word || (token.normalized && !parts.normalizer.is_null())
    };
    match parts.added.iter().find(strips) {
        None => Ok(()),
        Some(added) => {
            let text = excerpt(&added.token.content);
            refuse(
                parts,
                format!("the added token `{text}`, which takes spaces with it, is a whole word or is normalized"),
            )
        }
    }
}

fn refuse<T>(parts: &TokenizerParts, what: impl Into<String>) -> Result<T> {
    let what = format!("the vocabulary cannot be written here: {}", what.into());
    Err(Error::NotConvertible { path: parts.path.clone(), what, advice: ADVICE.to_owned() })
}

/// The token's text; a row without a token has a name that readers know.
fn text((id, entry): (usize, &VocabularyEntry)) -> String {
    if entry.kind == TokenKind::Padding { format!("[PAD{id}]") } else { entry.text.clone() }
}

/// The number that GGUF has for a kind.
fn token_type(kind: TokenKind) -> i32 {
    match kind {
        TokenKind::Normal => 1,
        TokenKind::Unknown => 2,
        TokenKind::Control => 3,
        TokenKind::Added => 4,
        TokenKind::Padding => 5,
    }
}

/// The tokens that end a text, once each, with the one that templates write first.
fn ends(parts: &TokenizerParts, of_templates: Option<u32>) -> Vec<u32> {
    let first = of_templates.filter(|id| parts.ends.contains(id));
    let mut seen = BTreeSet::new();
    first.into_iter().chain(parts.ends.iter().copied()).filter(|id| seen.insert(*id)).collect()
}

/// The merges as lines, whose pieces must not have a space other than as their first character.
fn merge_lines(parts: &TokenizerParts) -> Result<Vec<String>> {
    let has_space = |piece: &str| piece.chars().skip(1).any(|c| c == ' ');
    match parts.merges.iter().find(|(left, _)| has_space(left)) {
        Some((left, _)) => refuse(parts, format!("a merge of `{}`, which has a space", excerpt(left))),
        None => Ok(parts.merges.iter().map(|(left, right)| format!("{left} {right}")).collect()),
    }
}

/// Merges that build every word from its characters, one after another. A space goes to the word after it before it goes to the one
/// before it, and a word's own first character takes part only where no space has taken it.
fn word_merges(entries: &[VocabularyEntry]) -> Vec<String> {
    let mut ranked = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.kind == TokenKind::Normal) {
        for (length, (at, right)) in entry.text.char_indices().enumerate().skip(1) {
            let left = &entry.text[..at];
            ranked.insert((right == SPACE, length, !left.starts_with(SPACE), left, right));
        }
    }
    ranked.into_iter().map(|(.., left, right)| format!("{left} {right}")).collect()
}
