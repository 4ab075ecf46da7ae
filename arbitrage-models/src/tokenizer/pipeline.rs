//! From text to pieces: added tokens, normaliser, pre-tokenizer.

use super::table::{Entry, Kind};
use arbitrage_core::text::excerpt as shown;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::{
    AddedToken, AddedVocabulary, NormalizerWrapper, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer as _, PreTokenizerWrapper, Result,
};

/// A token that is matched whole in text, with its place in the vocabulary.
#[derive(Debug, Clone)]
pub(super) struct Added {
    pub id: u32,
    pub token: AddedToken,
}

impl Added {
    /// The rows of a vocabulary that are matched whole, without any stripping around them.
    pub(super) fn of_entries(entries: &[Entry]) -> Vec<Self> {
        let matched = |entry: &Entry| matches!(entry.kind, Kind::Control | Kind::Added) && !entry.text.is_empty();
        let added = |(id, entry): (usize, &Entry)| {
            let special = entry.kind == Kind::Control;
            let token = AddedToken::from(entry.text.clone(), special).normalized(false);
            matched(entry).then_some(Self { id: id as u32, token })
        };
        entries.iter().enumerate().filter_map(added).collect()
    }
}

/// What happens to a text before the merges.
pub(super) struct Pipeline {
    added: AddedVocabulary,
    normalizer: Option<NormalizerWrapper>,
    pre_tokenizer: Option<PreTokenizerWrapper>,
}

impl Pipeline {
    /// A pipeline that matches the `added` tokens; the two descriptions are those of a `tokenizer.json`.
    pub(super) fn new(added: &[Added], normalizer: &Value, pre_tokenizer: &Value) -> Result<Self> {
        let normalizer: Option<NormalizerWrapper> = described("/normalizer", normalizer)?;
        let pre_tokenizer = described("/pre_tokenizer", pre_tokenizer)?;
        let mut vocabulary = AddedVocabulary::new();
        vocabulary.add_tokens(
            added.iter().map(|added| added.token.clone()),
            &Ids::of(added)?.0,
            normalizer.as_ref(),
        )?;
        Ok(Self { added: vocabulary, normalizer, pre_tokenizer })
    }

    /// Cuts `text` into pieces; those that are added tokens carry their id.
    pub(super) fn pieces(&self, text: &str) -> Result<PreTokenizedString> {
        let mut pieces = self.added.extract_and_normalize(self.normalizer.as_ref(), text);
        if let Some(pre_tokenizer) = &self.pre_tokenizer {
            pre_tokenizer.pre_tokenize(&mut pieces)?;
        }
        Ok(pieces)
    }
}

/// How much longer rules may make a text. SentencePiece's spaces grow threefold, bytes that are spelt out twofold.
const MOST_GROWTH: usize = 64;

/// What the description `value` at `pointer` describes.
fn described<T: DeserializeOwned>(pointer: &str, value: &Value) -> Result<T> {
    if mentions(value, "Precompiled") {
        return Err(format!("{pointer}: expected no precompiled map, found one").into());
    }
    if growth(value) > MOST_GROWTH {
        return Err(
            format!("{pointer}: expected rules that lengthen text by {MOST_GROWTH} at most, found longer").into()
        );
    }
    serde_json::from_value(value.clone()).map_err(|error| format!("{pointer}: {}", shown(&error.to_string())).into())
}

fn mentions(description: &Value, kind: &str) -> bool {
    match description {
        Value::Array(items) => items.iter().any(|item| mentions(item, kind)),
        Value::Object(fields) => is(description, kind) || fields.values().any(|field| mentions(field, kind)),
        _ => false,
    }
}

/// At most how many times longer the rules make a text, one after another: a few replacements of a letter by two fill any
/// memory otherwise.
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

/// Tells an [`AddedVocabulary`] the ids of its tokens, which it would otherwise number itself.
struct Ids(WordLevel);

impl Ids {
    fn of(added: &[Added]) -> Result<Self> {
        let ids = added.iter().map(|added| (added.token.content.clone(), added.id));
        let builder = WordLevel::builder().vocab(ids.collect());
        Ok(Self(builder.build()?))
    }
}

/// The ids of pieces that have all been tokenized.
pub(super) fn ids(pieces: &PreTokenizedString) -> Vec<u32> {
    let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::None);
    splits.into_iter().filter_map(|(_, _, tokens)| tokens.as_ref()).flatten().map(|token| token.id).collect()
}

/// The same description without the space that SentencePiece puts before a text: for text that goes on from tokens
/// which are there already.
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

fn is(description: &Value, kind: &str) -> bool {
    description.get("type").and_then(Value::as_str) == Some(kind)
}
