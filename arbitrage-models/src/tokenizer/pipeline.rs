//! The steps before the merges: added tokens, normalizer, pre-tokenizer.

use super::table::{TokenKind, VocabularyEntry};
use arbitrage_core::text::excerpt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::ops::Range;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::{
    AddedToken, AddedVocabulary, NormalizerWrapper, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer as _, PreTokenizerWrapper, Result,
};

/// A token that is matched as a whole in text, with its id.
#[derive(Debug, Clone)]
pub(super) struct AddedTokenWithId {
    pub id: u32,
    pub token: AddedToken,
}

impl AddedTokenWithId {
    /// The tokens of a vocabulary that are matched as a whole, without stripping the whitespace around them.
    pub(super) fn of_entries(entries: &[VocabularyEntry]) -> Vec<Self> {
        let matched = |entry: &VocabularyEntry| {
            matches!(entry.kind, TokenKind::Control | TokenKind::Added) && !entry.text.is_empty()
        };
        let added = |(id, entry): (usize, &VocabularyEntry)| {
            let special = entry.kind == TokenKind::Control;
            let token = AddedToken::from(entry.text.clone(), special).normalized(false);
            matched(entry).then_some(Self { id: id as u32, token })
        };
        entries.iter().enumerate().filter_map(added).collect()
    }
}

/// The steps before the merges.
pub(super) struct Pipeline {
    added: AddedVocabulary,
    normalizer: Option<NormalizerWrapper>,
    pre_tokenizer: Option<PreTokenizerWrapper>,
}

impl Pipeline {
    /// A pipeline that matches the `added` tokens. The two descriptions are in the format of a `tokenizer.json`.
    pub(super) fn new(added: &[AddedTokenWithId], normalizer: &Value, pre_tokenizer: &Value) -> Result<Self> {
        let normalizer: Option<NormalizerWrapper> = from_description("/normalizer", normalizer)?;
        let pre_tokenizer = from_description("/pre_tokenizer", pre_tokenizer)?;
        let mut vocabulary = AddedVocabulary::new();
        vocabulary.add_tokens(
            added.iter().map(|added| added.token.clone()),
            &AddedTokenIds::of(added)?.0,
            normalizer.as_ref(),
        )?;
        Ok(Self { added: vocabulary, normalizer, pre_tokenizer })
    }

    /// The added tokens in `text`, with the bytes that they cover. These may include spaces around the token.
    pub(super) fn added_tokens(&self, text: &str) -> Vec<(Range<usize>, u32)> {
        let pieces = self.added.extract_and_normalize(self.normalizer.as_ref(), text);
        let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte).into_iter();
        splits.filter_map(|(_, (start, end), tokens)| Some((start..end, tokens.as_ref()?.first()?.id))).collect()
    }

    /// Splits `text` into pieces. Pieces that are added tokens have their id.
    pub(super) fn pieces(&self, text: &str) -> Result<PreTokenizedString> {
        let mut pieces = self.added.extract_and_normalize(self.normalizer.as_ref(), text);
        if let Some(pre_tokenizer) = &self.pre_tokenizer {
            pre_tokenizer.pre_tokenize(&mut pieces)?;
        }
        Ok(pieces)
    }
}

/// Largest factor by which the rules may lengthen a text. SentencePiece's spaces have three bytes, byte-level characters two.
const MAX_GROWTH: usize = 64;

/// Builds what `value`, at `pointer` of the `tokenizer.json`, describes.
fn from_description<T: DeserializeOwned>(pointer: &str, value: &Value) -> Result<T> {
    if mentions(value, "Precompiled") {
        return Err(
            format!("{pointer}: expected no `Precompiled` normalizer, which is not supported, found one").into()
        );
    }
    if growth(value) > MAX_GROWTH {
        return Err(format!(
            "{pointer}: expected rules that lengthen text at most {MAX_GROWTH} times, found a larger factor"
        )
        .into());
    }
    serde_json::from_value(value.clone()).map_err(|error| format!("{pointer}: {}", excerpt(&error.to_string())).into())
}

fn mentions(description: &Value, kind: &str) -> bool {
    match description {
        Value::Array(items) => items.iter().any(|item| mentions(item, kind)),
        Value::Object(fields) => is(description, kind) || fields.values().any(|field| mentions(field, kind)),
        _ => false,
    }
}

/// An upper bound on the factor by which the rules, one after another, lengthen a text. Without a limit, a few replacements of a
/// letter by two would exhaust the memory.
fn growth(description: &Value) -> usize {
    let all = |items: &mut dyn Iterator<Item = &Value>| items.map(growth).fold(1, usize::saturating_mul);
    let own = match description.get("type").and_then(Value::as_str) {
        // The pattern may be empty, and match between any two bytes.
        Some("Replace") => 1 + description["content"].as_str().map_or(0, str::len),
        Some("ByteLevel") => 2,
        _ => 1,
    };
    match description {
        Value::Array(items) => all(&mut items.iter()),
        Value::Object(fields) => all(&mut fields.values()).saturating_mul(own),
        _ => 1,
    }
}

/// A model that tells an [`AddedVocabulary`] the ids of its tokens. Otherwise it would number them itself.
struct AddedTokenIds(WordLevel);

impl AddedTokenIds {
    fn of(added: &[AddedTokenWithId]) -> Result<Self> {
        let ids = added.iter().map(|added| (added.token.content.clone(), added.id));
        let builder = WordLevel::builder().vocab(ids.collect());
        Ok(Self(builder.build()?))
    }
}

/// The ids of pieces, all of which have been tokenized.
pub(super) fn ids(pieces: &PreTokenizedString) -> Vec<u32> {
    let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::None);
    splits.into_iter().filter_map(|(_, _, tokens)| tokens.as_ref()).flatten().map(|token| token.id).collect()
}

/// The description without the space that SentencePiece puts before a text, for text that continues earlier tokens.
pub(super) fn without_leading_space(description: &Value) -> Value {
    match description {
        Value::Array(items) => {
            Value::Array(items.iter().filter(|item| !is(item, "Prepend")).map(without_leading_space).collect())
        }
        Value::Object(_) if is(description, "Prepend") => Value::Null,
        Value::Object(fields) => {
            let mut fields: Map<String, Value> =
                fields.iter().map(|(name, value)| (name.clone(), without_leading_space(value))).collect();
            if is(description, "Metaspace") {
                fields.remove("add_prefix_space");
                fields.insert("prepend_scheme".to_owned(), Value::from("never"));
            } else if fields.contains_key("add_prefix_space") {
                fields.insert("add_prefix_space".to_owned(), Value::from(false));
            }
            Value::Object(fields)
        }
        other => other.clone(),
    }
}

/// Whether the description puts a space before a text.
pub(super) fn adds_leading_space(description: &Value) -> bool {
    match description {
        Value::Array(items) => items.iter().any(adds_leading_space),
        Value::Object(_) if is(description, "Prepend") => true,
        Value::Object(_) if is(description, "Metaspace") => {
            description["prepend_scheme"] != "never" && description["add_prefix_space"] != false
        }
        Value::Object(fields) => {
            fields.get("add_prefix_space").is_some_and(|adds| adds == true) || fields.values().any(adds_leading_space)
        }
        _ => false,
    }
}

/// The description for text that is not at the start of the prompt: without the space that one of SentencePiece's schemes puts before
/// the first piece alone.
pub(super) fn after_the_first_piece(description: &Value) -> Value {
    match description {
        Value::Array(items) => items.iter().map(after_the_first_piece).collect(),
        Value::Object(_) if is(description, "Metaspace") && description["prepend_scheme"] == "first" => {
            without_leading_space(description)
        }
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), after_the_first_piece(value))).collect())
        }
        other => other.clone(),
    }
}

fn is(description: &Value, kind: &str) -> bool {
    description.get("type").and_then(Value::as_str) == Some(kind)
}
