//! The keys of a GGUF file's vocabulary: each is followed, known not to matter, or refused.

use crate::error::{Error, Result};
use crate::weights::gguf::MetadataValue;
use crate::weights::{Gguf, WeightSource as _};
use arbitrage_core::text::excerpt;

/// The namespace of the vocabulary.
pub(super) const PREFIX: &str = "tokenizer.ggml.";

/// The key of a whole `tokenizer.json`.
pub(super) const TOKENIZER_JSON: &str = "tokenizer.huggingface.json";

/// What is done with a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// It is followed, or it cannot change a token of a text.
    Accepted,
    /// It is refused unless it is false, zero or empty, for a reason.
    RefusedUnlessFalse(&'static str),
}
use Treatment::{Accepted, RefusedUnlessFalse};

/// Keys without [`PREFIX`]. Other keys are refused, but for ids of tokens (`…_token_id`), which change no text by themselves.
const KEYS: &[(&str, Treatment)] = &[
    ("model", Accepted),
    ("pre", Accepted),
    ("tokens", Accepted),
    ("token_type", Accepted),
    ("scores", Accepted),
    ("merges", Accepted),
    ("add_bos_token", Accepted),
    ("add_space_prefix", Accepted),
    ("eos_token_ids", Accepted),
    // How many kinds of segments BERT has.
    ("token_type_count", Accepted),
    ("add_eos_token", RefusedUnlessFalse("a prompt that ends with an end token cannot be continued")),
    ("add_sep_token", RefusedUnlessFalse("a prompt that ends with a separator cannot be continued")),
    ("add_unknown_token", RefusedUnlessFalse("no such token is added")),
    ("add_padding_token", RefusedUnlessFalse("no padding is added")),
    ("remove_extra_whitespaces", RefusedUnlessFalse("spaces are kept as they are")),
    ("precompiled_charsmap", RefusedUnlessFalse("texts are not normalised by a table of characters")),
    ("normalizer.lowercase", RefusedUnlessFalse("texts are not changed to lower case")),
    ("normalizer.strip_accents", RefusedUnlessFalse("accents are kept")),
    ("suppress_tokens", RefusedUnlessFalse("no token is left out when sampling")),
];

/// Refuses keys that would change tokens and are not followed.
///
/// # Errors
/// [`Error::Format`] naming the key.
pub(super) fn check(gguf: &Gguf) -> Result<()> {
    for (key, value) in gguf.all_metadata().iter() {
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        let fail = |expected: String, found: String| Err(Error::format(gguf.path(), excerpt(key), expected, found));
        match KEYS.iter().find(|(known, _)| *known == name) {
            Some((_, Accepted)) => {}
            Some((_, RefusedUnlessFalse(_))) if is_false(value) => {}
            Some((_, RefusedUnlessFalse(reason))) => {
                return fail(format!("false or nothing, since here {reason}"), excerpt(&value.to_string()));
            }
            None if name.ends_with("_token_id") => {}
            None => {
                let expected = "a key that is known, since an unknown one may change the tokens of a text";
                return fail(expected.to_owned(), format!("the unknown key with {}", excerpt(&value.to_string())));
            }
        }
    }
    Ok(())
}

fn is_false(value: &MetadataValue) -> bool {
    match value {
        MetadataValue::Bool(value) => !value,
        MetadataValue::Array(array) => array.is_empty(),
        other => other.as_integer() == Some(0),
    }
}
