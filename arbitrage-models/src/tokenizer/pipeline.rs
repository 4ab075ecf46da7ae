//! From text to pieces: added tokens, normaliser, pre-tokenizer.

use super::table::{Entry, Kind};
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
        let normalizer: Option<NormalizerWrapper> = serde_json::from_value(normalizer.clone())?;
        let pre_tokenizer = serde_json::from_value(pre_tokenizer.clone())?;
        let mut vocabulary = AddedVocabulary::new();
        vocabulary.add_tokens(added.iter().map(|added| added.token.clone()), &Ids::of(added)?.0, normalizer.as_ref())?;
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
