//! Which keys of a GGUF file are refused.

use arbitrage_core::text::excerpt;
use serde_json::Value as Json;

use super::super::family::ModelFamily;
use super::super::keys::{self, ConfigFormat};
use crate::error::{Error, Result};
use crate::weights::gguf::MetadataValue;
use crate::weights::report::nearest;
use crate::weights::{Gguf, WeightSource};

/// Keys that only a file with a classifier's head may have.
const LABELS: &str = "classifier.output_labels";
const POOLING: &str = "pooling_type";
/// The head's tensor.
const CLASSIFIER_TENSOR: &str = "cls.output.weight";

/// Whether a key below the architecture's name describes the head of a classifier whose outputs belong to single tokens (0, none) or, as a
/// sequence classifier's, to the last one (4, rank).
fn describes_classifier(key: &str, value: &MetadataValue) -> bool {
    key == LABELS || key == POOLING && matches!(value.as_integer(), Some(0 | 4))
}

/// Refuses keys that would change the computation in a way that is not supported, and unknown ones below the architecture's name.
pub(super) fn check_keys(gguf: &Gguf, family: &ModelFamily) -> Result<()> {
    let is_classifier = gguf.get(CLASSIFIER_TENSOR)?.is_some();
    for (key, value) in gguf.all_metadata().iter() {
        let own = key.strip_prefix(family.gguf).and_then(|rest| rest.strip_prefix('.'));
        let wrong = |expected: String| Err(Error::format(gguf.path(), excerpt(key), expected, value));
        if own.is_some_and(|own| family.gguf_keys.contains(&own)) {
            continue;
        }
        match keys::group(ConfigFormat::Gguf, own.unwrap_or(key)) {
            Some(group) if group.rule.admits(&as_json(value)) => {}
            Some(_) if is_classifier && own.is_some_and(|own| describes_classifier(own, value)) => {}
            Some(group) => return wrong(group.expected()),
            None if own.is_some() => return wrong(unknown(family.gguf, key)),
            None if keys::OTHER_FILES.iter().any(|prefix| key.starts_with(prefix)) => {
                return wrong("no such key in the file of a language model".to_owned());
            }
            None => {}
        }
    }
    Ok(())
}

fn unknown(family: &str, key: &str) -> String {
    let known: Vec<String> = keys::names(ConfigFormat::Gguf).map(|name| format!("{family}.{name}")).collect();
    let near = nearest(key, known.iter().map(String::as_str));
    let hint = near.map_or_else(String::new, |near| format!(", such as `{near}`"));
    format!("a key that is known for the architecture {family}{hint}")
}

/// The value as JSON. Of a list, only whether it is all zero or not is kept.
fn as_json(value: &MetadataValue) -> Json {
    if let MetadataValue::Array(array) = value {
        let is_zero = |value: MetadataValue| keys::is_off(&as_json(&value));
        let off = array.is_empty() || array.scalars().count() == array.len() && array.scalars().all(is_zero);
        return Json::Array(if off { Vec::new() } else { vec![Json::Bool(true)] });
    }
    match (value, value.as_integer(), value.as_float()) {
        (MetadataValue::Bool(flag), ..) => Json::Bool(*flag),
        (MetadataValue::String(text), ..) => Json::String(text.clone()),
        (_, Some(number), _) => Json::from(number as f64),
        // NaN and infinity, which JSON lacks, switch nothing off.
        (_, _, number) => number.filter(|number| number.is_finite()).map_or(Json::Bool(true), Json::from),
    }
}
