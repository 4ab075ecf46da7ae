//! The file `tokenizer.json` and its vocabulary.

use super::alphabet::{Alphabet, byte_piece};
use super::parts::MAX_TOKENS;
use super::table::{TokenKind, VocabularyEntry};
use arbitrage_core::text::excerpt;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use tokenizers::AddedToken;

/// `tokenizer.json`.
#[derive(Deserialize)]
pub(super) struct TokenizerJson {
    #[serde(default)]
    pub truncation: Value,
    #[serde(default)]
    pub padding: Value,
    #[serde(default)]
    pub added_tokens: Vec<AddedTokenJson>,
    #[serde(default)]
    pub normalizer: Value,
    #[serde(default)]
    pub pre_tokenizer: Value,
    #[serde(default)]
    pub post_processor: Value,
    #[serde(default)]
    pub decoder: Value,
    pub model: ModelJson,
}

#[derive(Deserialize, Clone)]
pub(super) struct AddedTokenJson {
    pub id: u32,
    #[serde(flatten)]
    pub token: AddedToken,
}

#[derive(Deserialize)]
pub(super) struct ModelJson {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub unk_token: Option<String>,
    pub continuing_subword_prefix: Option<String>,
    pub end_of_word_suffix: Option<String>,
    pub dropout: Option<f32>,
    #[serde(default)]
    pub fuse_unk: bool,
    #[serde(default)]
    pub byte_fallback: bool,
    #[serde(default)]
    pub ignore_merges: bool,
    #[serde(default)]
    pub vocab: HashMap<String, u32>,
    pub merges: Option<Merges>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Merges {
    Pairs(Vec<(String, String)>),
    Lines(Vec<String>),
}

impl Merges {
    fn is_empty(&self) -> bool {
        match self {
            Self::Pairs(pairs) => pairs.is_empty(),
            Self::Lines(lines) => lines.is_empty(),
        }
    }
}

pub(super) fn check_model(model: &ModelJson) -> Result<(), String> {
    match model.kind.as_deref() {
        Some("BPE") => {}
        None if model.merges.as_ref().is_some_and(|merges| !merges.is_empty()) => {}
        kind => {
            return Err(format!(
                "/model/type: expected BPE, found {}",
                kind.map_or_else(|| "nothing".to_owned(), excerpt)
            ));
        }
    }
    if let Some(dropout) = model.dropout.filter(|dropout| *dropout != 0.0) {
        return Err(format!("/model/dropout: expected none, since tokens would be random, found {dropout}"));
    }
    for (name, value) in [
        ("continuing_subword_prefix", &model.continuing_subword_prefix),
        ("end_of_word_suffix", &model.end_of_word_suffix),
    ] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            return Err(format!("/model/{name}: expected none, found `{}`", excerpt(value)));
        }
    }
    Ok(())
}

/// The vocabulary by id. Ids without a token are padding, up to the number of rows that the model declares.
pub(super) fn entries(file: &TokenizerJson, vocab_size: Option<usize>) -> Result<Vec<VocabularyEntry>, String> {
    let ids = file.model.vocab.values().copied().chain(file.added_tokens.iter().map(|added| added.id));
    let rows = ids.max().map_or(0, |id| id as usize + 1);
    let rows = rows.max(vocab_size.unwrap_or(0));
    if rows == 0 || rows > MAX_TOKENS {
        return Err(format!("expected 1 to {MAX_TOKENS} tokens, found {rows}"));
    }
    let mut entries = vec![VocabularyEntry::padding(); rows];
    for (text, &id) in &file.model.vocab {
        let kind = if file.model.unk_token.as_ref() == Some(text) { TokenKind::Unknown } else { TokenKind::Normal };
        let previous = std::mem::replace(&mut entries[id as usize], VocabularyEntry { text: text.clone(), kind });
        if previous.kind != TokenKind::Padding {
            return Err(format!("/model/vocab: id {id} is both `{}` and `{}`", excerpt(&previous.text), excerpt(text)));
        }
    }
    for AddedTokenJson { id, token } in &file.added_tokens {
        let entry = &mut entries[*id as usize];
        if entry.kind != TokenKind::Padding && entry.text != token.content {
            return Err(format!(
                "/added_tokens: id {id} is both `{}` and `{}`",
                excerpt(&entry.text),
                excerpt(&token.content)
            ));
        }
        let kind = if token.special { TokenKind::Control } else { TokenKind::Added };
        if entry.kind != TokenKind::Unknown {
            *entry = VocabularyEntry { text: token.content.clone(), kind };
        }
    }
    Ok(entries)
}

pub(super) fn merges(merges: Option<Merges>) -> Result<Vec<(String, String)>, String> {
    let lines = match merges {
        None => return Err("/model/merges: expected a list of pairs, found nothing".to_owned()),
        Some(Merges::Pairs(pairs)) => return Ok(pairs),
        Some(Merges::Lines(lines)) => lines,
    };
    let pair = |(rank, line): (usize, &String)| match line.split_once(' ') {
        Some((left, right)) if !right.contains(' ') => Ok((left.to_owned(), right.to_owned())),
        _ => Err(format!("/model/merges/{rank}: expected two pieces separated by a space, found `{}`", excerpt(line))),
    };
    lines.iter().filter(|line| !line.starts_with("#version")).enumerate().map(pair).collect()
}

pub(super) fn alphabet(file: &TokenizerJson) -> Result<Alphabet, String> {
    let mentions = |kind: &str| file.decoder.to_string().contains(&format!("\"{kind}\""));
    if mentions("ByteLevel") {
        Ok(Alphabet::ByteLevel)
    } else if file.model.byte_fallback && file.model.vocab.keys().any(|text| byte_piece(text).is_some()) {
        Ok(Alphabet::Pieces)
    } else {
        Err("/decoder: expected a byte-level or a byte-fallback vocabulary, found neither".to_owned())
    }
}
