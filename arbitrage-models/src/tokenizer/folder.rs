//! The tokenizer of a Hugging Face folder.

use super::alphabet::{Alphabet, byte_piece};
use super::gguf::looks_like_control;
use super::parts::{MAX_TOKENS, TokenizerParts};
use super::pipeline::AddedTokenWithId;
use super::table::{TokenKind, VocabularyEntry};
use super::template;
use crate::error::{Error, Result};
use arbitrage_core::text::excerpt;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use tokenizers::AddedToken;

/// Largest file that is read, in bytes; real ones are smaller than 40 MB.
const MAX_FILE_BYTES: u64 = 1 << 28;

/// `tokenizer.json`.
#[derive(Deserialize)]
struct TokenizerJson {
    #[serde(default)]
    added_tokens: Vec<AddedTokenJson>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    model: ModelJson,
}

#[derive(Deserialize)]
struct AddedTokenJson {
    id: u32,
    #[serde(flatten)]
    token: AddedToken,
}

#[derive(Deserialize)]
struct ModelJson {
    #[serde(rename = "type")]
    kind: Option<String>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    #[serde(default)]
    vocab: HashMap<String, u32>,
    #[serde(default)]
    merges: Merges,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merges {
    Pairs(Vec<(String, String)>),
    Lines(Vec<String>),
}

impl Default for Merges {
    fn default() -> Self {
        Self::Pairs(Vec::new())
    }
}

/// Reads the folder. The result is not checked yet.
pub(super) fn read(folder: &Path) -> Result<TokenizerParts> {
    let path = folder.join("tokenizer.json");
    let fail = |reason: String| Error::Tokenizer { path: path.clone(), reason };
    let text = read_text(&path)?.ok_or_else(|| Error::io(&path, std::io::ErrorKind::NotFound.into()))?;
    let file: TokenizerJson = serde_json::from_str(&text)
        .map_err(|error| fail(format!("{}; corrupt or incomplete?", excerpt(&error.to_string()))))?;
    check_model(&file.model).map_err(fail)?;
    let config = CompanionFiles::read(folder)?;
    let entries = entries(&file, config.vocab_size).map_err(fail)?;
    let added = file.added_tokens.iter().map(|added| {
        let special = added.token.special || looks_like_control(&added.token.content);
        AddedTokenWithId { id: added.id, token: added.token.clone().special(special) }
    });
    let (ends, bos) = (config.ends(&entries), config.bos(&entries, &file.post_processor));
    let known = [("bos_token", bos), ("eos_token", ends.first().copied())];
    Ok(TokenizerParts {
        template_tokens: template::tokens(&config.tokenizer_config, &entries, &known),
        added: added.filter(|added| !added.token.content.is_empty()).collect(),
        alphabet: alphabet(&file).map_err(fail)?,
        ends,
        bos,
        add_bos: config.add_bos.unwrap_or_else(|| leading_token(&file.post_processor).is_some()),
        chat_template: config.chat_template,
        merges: merges(file.model.merges).map_err(fail)?,
        ignore_merges: file.model.ignore_merges,
        normalizer: file.normalizer,
        pre_tokenizer: file.pre_tokenizer,
        entries,
        path,
    })
}

/// The text of a file; `None` when there is no such file.
pub(super) fn read_text(path: &Path) -> Result<Option<String>> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(path, error)),
    };
    // Devices and pipes have no size, and reading them might never end.
    if !metadata.is_file() {
        return Err(Error::format(path, "file type", "a regular file", "something else"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(Error::format(path, "size", format!("at most {MAX_FILE_BYTES} bytes"), metadata.len()));
    }
    std::fs::read_to_string(path).map(Some).map_err(|error| Error::io(path, error))
}

fn check_model(model: &ModelJson) -> Result<(), String> {
    match model.kind.as_deref() {
        Some("BPE") => {}
        None if !matches!(&model.merges, Merges::Pairs(pairs) if pairs.is_empty()) => {}
        kind => {
            return Err(format!(
                "/model/type: expected BPE, found {}",
                kind.map_or_else(|| "nothing".to_owned(), excerpt)
            ));
        }
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
fn entries(file: &TokenizerJson, vocab_size: Option<usize>) -> Result<Vec<VocabularyEntry>, String> {
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
        let control = token.special || looks_like_control(&token.content);
        let kind = if control { TokenKind::Control } else { TokenKind::Added };
        if entry.kind != TokenKind::Unknown {
            *entry = VocabularyEntry { text: token.content.clone(), kind };
        }
    }
    Ok(entries)
}

fn merges(merges: Merges) -> Result<Vec<(String, String)>, String> {
    let lines = match merges {
        Merges::Pairs(pairs) => return Ok(pairs),
        Merges::Lines(lines) => lines,
    };
    let pair = |(rank, line): (usize, &String)| match line.split_once(' ') {
        Some((left, right)) if !right.contains(' ') => Ok((left.to_owned(), right.to_owned())),
        _ => Err(format!("/model/merges/{rank}: expected two pieces separated by a space, found `{}`", excerpt(line))),
    };
    lines.iter().filter(|line| !line.starts_with("#version")).enumerate().map(pair).collect()
}

fn alphabet(file: &TokenizerJson) -> Result<Alphabet, String> {
    let mentions = |kind: &str| file.decoder.to_string().contains(&format!("\"{kind}\""));
    if mentions("ByteLevel") {
        Ok(Alphabet::ByteLevel)
    } else if file.model.byte_fallback && file.model.vocab.keys().any(|text| byte_piece(text).is_some()) {
        Ok(Alphabet::Pieces)
    } else {
        Err("/decoder: expected a byte-level or a byte-fallback vocabulary, found neither".to_owned())
    }
}

/// The token that the post-processor puts before a text.
fn leading_token(post_processor: &Value) -> Option<&str> {
    if let Some(steps) = post_processor.get("processors").and_then(Value::as_array) {
        return steps.iter().find_map(leading_token);
    }
    post_processor.get("single")?.get(0)?.get("SpecialToken")?.get("id")?.as_str()
}

/// Settings from the files other than `tokenizer.json`.
#[derive(Default)]
struct CompanionFiles {
    end_ids: Vec<u32>,
    bos_id: Option<u32>,
    vocab_size: Option<usize>,
    eos_text: Option<String>,
    bos_text: Option<String>,
    add_bos: Option<bool>,
    chat_template: Option<String>,
    tokenizer_config: Value,
}

impl CompanionFiles {
    fn read(folder: &Path) -> Result<Self> {
        let (generation_path, model_path) = (folder.join("generation_config.json"), folder.join("config.json"));
        let (generation, model) = (read_json(&generation_path)?, read_json(&model_path)?);
        let tokenizer = read_json(&folder.join("tokenizer_config.json"))?;
        let mut end_ids = ids(&generation_path, &generation, "eos_token_id")?;
        end_ids.extend(ids(&model_path, &model, "eos_token_id")?);
        Ok(Self {
            end_ids,
            bos_id: ids(&model_path, &model, "bos_token_id")?.first().copied(),
            vocab_size: vocab_size(&model_path, &model)?,
            eos_text: token_text(&tokenizer["eos_token"]),
            bos_text: token_text(&tokenizer["bos_token"]),
            add_bos: tokenizer["add_bos_token"].as_bool(),
            chat_template: template::find(folder, &tokenizer)?,
            tokenizer_config: tokenizer,
        })
    }

    fn ends(&self, entries: &[VocabularyEntry]) -> Vec<u32> {
        let named = self.eos_text.as_ref().and_then(|text| find(entries, text));
        self.end_ids.iter().copied().chain(named).collect()
    }

    fn bos(&self, entries: &[VocabularyEntry], post_processor: &Value) -> Option<u32> {
        let text = leading_token(post_processor).or(self.bos_text.as_deref());
        text.and_then(|text| find(entries, text)).or(self.bos_id)
    }
}

fn find(entries: &[VocabularyEntry], text: &str) -> Option<u32> {
    entries.iter().position(|entry| entry.kind != TokenKind::Padding && entry.text == text).map(|id| id as u32)
}

/// A JSON file, `null` when there is none.
pub(super) fn read_json(path: &Path) -> Result<Value> {
    let Some(text) = read_text(path)? else { return Ok(Value::Null) };
    serde_json::from_str(&text).map_err(|error| Error::format(path, "/", "JSON", error))
}

/// One id, a list of them, or `null`.
fn ids(path: &Path, file: &Value, key: &str) -> Result<Vec<u32>> {
    let id = |value: &Value| {
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| Error::format(path, format!("/{key}"), "a token id or a list", excerpt(&value.to_string())))
    };
    match &file[key] {
        Value::Null => Ok(Vec::new()),
        Value::Array(values) => values.iter().map(id).collect(),
        value => id(value).map(|id| vec![id]),
    }
}

/// The number of rows of the embedding, padding included.
fn vocab_size(path: &Path, file: &Value) -> Result<Option<usize>> {
    let value = &file["vocab_size"];
    let size = value.as_u64().and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= MAX_TOKENS);
    match size {
        None if !value.is_null() => {
            let expected = format!("a whole number up to {MAX_TOKENS}");
            Err(Error::format(path, "/vocab_size", expected, excerpt(&value.to_string())))
        }
        size => Ok(size),
    }
}

/// The text of a token, which is given as a string or as an object with `content`.
fn token_text(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned)
}
