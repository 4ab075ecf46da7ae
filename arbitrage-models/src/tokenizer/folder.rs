//! The tokenizer of a Hugging Face folder.

use super::controls::mark_controls;
use super::folder_checks::{config_refusal, ignored_sections};
use super::parts::{MAX_TOKENS, TokenizerParts};
use super::pipeline::AddedTokenWithId;
use super::post_processor::{LeadingToken, leading_token};
use super::table::{TokenKind, VocabularyEntry};
use super::template;
use super::tokenizer_json::{AddedTokenJson, TokenizerJson, alphabet, check_model, entries, merges};
use crate::error::{Error, Result};
use crate::small_file::{parse_json, read_text_if_present};
use arbitrage_core::text::excerpt;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use tokenizers::AddedToken;

/// Largest file that is read, in bytes; real ones are smaller than 40 MB.
const MAX_FILE_BYTES: u64 = 1 << 28;

/// The file of a folder that holds the vocabulary and its rules.
pub(super) const FILE: &str = "tokenizer.json";

/// Reads the folder. The result is not checked yet.
pub(super) fn read(folder: &Path) -> Result<TokenizerParts> {
    let path = folder.join(FILE);
    let text = read_text(&path)?.ok_or_else(|| Error::io(&path, std::io::ErrorKind::NotFound.into()))?;
    let settings = TokenizerSettings::read(folder)?;
    let fail = |reason: String| Error::Tokenizer { path: path.clone(), reason };
    let file: TokenizerJson = serde_json::from_str(&text)
        .map_err(|error| fail(format!("{}; corrupt or incomplete?", excerpt(&error.to_string()))))?;
    if let Some((pointer, expected, found)) = config_refusal(&settings.tokenizer, &file.normalizer, &file.pre_tokenizer)
    {
        return Err(Error::format(folder.join("tokenizer_config.json"), pointer, expected, found));
    }
    parts(file, settings, &path).map_err(fail)
}

/// The parts of a `tokenizer.json` with the settings that come with it; `path` is where both were found. The result is not checked yet.
///
/// # Errors
/// What is wrong with the file, with its place.
pub(super) fn parts(
    mut file: TokenizerJson,
    settings: TokenizerSettings,
    path: &Path,
) -> Result<TokenizerParts, String> {
    check_model(&file.model)?;
    file.added_tokens = settings.added_tokens(file.added_tokens)?;
    let leading = leading_token(&file.post_processor)?;
    let mut entries = entries(&file, settings.vocab_size)?;
    let alphabet = alphabet(&file)?;
    let merges = merges(file.model.merges)?;
    let (ends, bos) = (settings.ends(&entries), settings.bos(&entries, leading.as_ref())?);
    let designated: Vec<u32> = ends.iter().copied().chain(bos).collect();
    mark_controls(&mut entries, &designated, &merges);
    let section = |warning: String| format!("{FILE}: {warning}");
    let known = [
        ("bos_token", bos),
        ("eos_token", ends.first().copied()),
        ("unk_token", settings.unk_id),
        ("pad_token", settings.pad_id),
    ];
    Ok(TokenizerParts {
        template_tokens: template::tokens(&settings.tokenizer, &entries, &known),
        added: added(&entries, &file.added_tokens),
        alphabet,
        ends,
        bos,
        add_bos: settings.add_bos.unwrap_or(leading.is_some()),
        chat_template: settings.chat_template,
        merges,
        ignore_merges: file.model.ignore_merges,
        merges_required: !file.model.ignore_merges,
        byte_fallback: file.model.byte_fallback,
        fuse_unk: file.model.fuse_unk,
        warnings: ignored_sections(&file.truncation, &file.padding).into_iter().map(section).collect(),
        normalizer: file.normalizer,
        pre_tokenizer: file.pre_tokenizer,
        entries,
        path: path.to_owned(),
    })
}

/// The tokens that are matched as a whole, with the file's rules for spaces around them. Control tokens are among them even where
/// the file does not list them.
fn added(entries: &[VocabularyEntry], listed: &[AddedTokenJson]) -> Vec<AddedTokenWithId> {
    let is_control = |id: u32| entries[id as usize].kind == TokenKind::Control;
    let of_file = listed.iter().filter(|added| !added.token.content.is_empty()).map(|added| {
        let special = added.token.special || is_control(added.id);
        AddedTokenWithId { id: added.id, token: added.token.clone().special(special) }
    });
    let ids: HashSet<u32> = listed.iter().map(|added| added.id).collect();
    let others = AddedTokenWithId::of_entries(entries).into_iter().filter(|added| !ids.contains(&added.id));
    of_file.chain(others).collect()
}

/// The text of a file; `None` when there is no such file.
pub(super) fn read_text(path: &Path) -> Result<Option<String>> {
    read_text_if_present(path, MAX_FILE_BYTES)
}

/// What a `tokenizer.json` does not say: in a folder, other files do; in a GGUF file, other keys.
#[derive(Default)]
pub(super) struct TokenizerSettings {
    /// Tokens that end a text.
    pub end_ids: Vec<u32>,
    /// The beginning of a text.
    pub bos_id: Option<u32>,
    /// For templates, which may write it.
    pub pad_id: Option<u32>,
    /// Likewise.
    pub unk_id: Option<u32>,
    /// Rows of the embedding.
    pub vocab_size: Option<usize>,
    /// The text of the end of a text, where no id is given.
    pub eos_text: Option<String>,
    /// Likewise of its beginning.
    pub bos_text: Option<String>,
    /// Whether a prompt begins with the beginning of a text.
    pub add_bos: Option<bool>,
    /// The chat template.
    pub chat_template: Option<String>,
    /// `tokenizer_config.json`.
    pub tokenizer: Value,
}

impl TokenizerSettings {
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
            tokenizer,
            ..Self::default()
        })
    }

    fn ends(&self, entries: &[VocabularyEntry]) -> Vec<u32> {
        let named = self.eos_text.as_ref().and_then(|text| find(entries, text));
        self.end_ids.iter().copied().chain(named).collect()
    }

    fn bos(&self, entries: &[VocabularyEntry], leading: Option<&LeadingToken>) -> Result<Option<u32>, String> {
        let Some(LeadingToken { text, id }) = leading else {
            let named = self.bos_text.as_deref().and_then(|text| find(entries, text));
            return Ok(named.or(self.bos_id));
        };
        match (find(entries, text), *id) {
            (Some(found), Some(id)) if found != id => Err(format!(
                "/post_processor/special_tokens: expected the id {found} of the token `{}`, found {id}",
                excerpt(text)
            )),
            (None, None) => {
                Err(format!("/post_processor: expected a token of the vocabulary, found `{}`", excerpt(text)))
            }
            (found, id) => Ok(found.or(id)),
        }
    }

    /// The added tokens of `tokenizer.json`, with what `tokenizer_config.json` changes of them and adds to them.
    fn added_tokens(&self, mut listed: Vec<AddedTokenJson>) -> Result<Vec<AddedTokenJson>, String> {
        let Some(tokens) = self.tokenizer["added_tokens_decoder"].as_object() else { return Ok(listed) };
        let position: HashMap<u32, usize> = listed.iter().enumerate().map(|(at, added)| (added.id, at)).collect();
        for (id, token) in tokens {
            let fail =
                |reason: String| format!("tokenizer_config.json: /added_tokens_decoder/{}: {reason}", excerpt(id));
            let id: u32 = id.parse().map_err(|_| fail("expected the id of a token".to_owned()))?;
            let token = AddedToken::deserialize(token).map_err(|error| fail(excerpt(&error.to_string())))?;
            match position.get(&id).map(|at| &mut listed[*at]) {
                Some(known) if known.token.content == token.content => known.token = token,
                Some(known) => {
                    let [known, found] = [&known.token.content, &token.content].map(|text| excerpt(text));
                    return Err(fail(format!("expected `{known}`, as in tokenizer.json, found `{found}`")));
                }
                None => listed.push(AddedTokenJson { id, token }),
            }
        }
        Ok(listed)
    }
}

fn find(entries: &[VocabularyEntry], text: &str) -> Option<u32> {
    entries.iter().position(|entry| entry.kind != TokenKind::Padding && entry.text == text).map(|id| id as u32)
}

/// A JSON file, `null` when there is none.
pub(super) fn read_json(path: &Path) -> Result<Value> {
    let Some(text) = read_text(path)? else { return Ok(Value::Null) };
    parse_json(path, &text)
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
