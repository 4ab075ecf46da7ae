//! Reading metadata values.

use std::fmt::Display;

use arbitrage_core::text::excerpt;

use super::cursor::Cursor;
use super::value::{MetadataArray, MetadataValue, Strings, ValueType};
use crate::error::{Error, Result};

/// Deepest nesting of arrays; no known file nests them.
const MAX_ARRAY_DEPTH: usize = 4;

/// The value that follows `key`.
pub(super) fn value(cursor: &mut Cursor<'_>, key: &str) -> Result<MetadataValue> {
    let key = DisplayKey(key);
    match value_type(cursor, key)? {
        ValueType::String => Ok(MetadataValue::String(cursor.string(key)?.to_owned())),
        ValueType::Array => Ok(MetadataValue::Array(array(cursor, key, MAX_ARRAY_DEPTH)?)),
        scalar => {
            let bytes = cursor.take(width(scalar), key)?;
            MetadataValue::scalar(scalar, bytes).ok_or_else(|| not_a_bool(cursor, key, bytes))
        }
    }
}

/// An array that may hold `depth − 1` further levels.
fn array(cursor: &mut Cursor<'_>, key: DisplayKey<'_>, depth: usize) -> Result<MetadataArray> {
    if depth == 0 {
        let found = "arrays nested deeper";
        return Err(Error::format(
            cursor.path(),
            key.to_string(),
            format!("at most {MAX_ARRAY_DEPTH} levels of arrays"),
            found,
        ));
    }
    match value_type(cursor, key)? {
        ValueType::String => strings(cursor, key).map(MetadataArray::Strings),
        ValueType::Array => {
            // An inner array takes at least its type and its count.
            let count = cursor.count(4 + 8, key)?;
            (0..count).map(|_| array(cursor, key, depth - 1)).collect::<Result<_>>().map(MetadataArray::Arrays)
        }
        scalar => {
            let count = cursor.count(width(scalar), key)?;
            let bytes = cursor.take(count as u64 * width(scalar), key)?;
            if scalar == ValueType::Bool && bytes.iter().any(|byte| *byte > 1) {
                return Err(not_a_bool(cursor, key, bytes));
            }
            Ok(MetadataArray::Scalars { value_type: scalar, bytes: bytes.to_owned() })
        }
    }
}

fn strings(cursor: &mut Cursor<'_>, key: DisplayKey<'_>) -> Result<Strings> {
    let count = cursor.count(8, key)?;
    let mut strings = Strings::default();
    for at in 0..count {
        strings.push(cursor.string(format_args!("{key}[{at}]"))?);
    }
    Ok(strings)
}

fn value_type(cursor: &mut Cursor<'_>, key: DisplayKey<'_>) -> Result<ValueType> {
    let id = cursor.u32(key)?;
    ValueType::from_id(id)
        .ok_or_else(|| Error::format(cursor.path(), key.to_string(), "a value type of 0 to 12", format!("type {id}")))
}

/// Bytes of a scalar. Callers handle strings and arrays before.
fn width(scalar: ValueType) -> u64 {
    scalar.bytes().unwrap_or(1) as u64
}

fn not_a_bool(cursor: &Cursor<'_>, key: DisplayKey<'_>, bytes: &[u8]) -> Error {
    let found = bytes.iter().find(|byte| **byte > 1).copied().unwrap_or_default();
    Error::format(cursor.path(), key.to_string(), "truth values of 0 or 1", format!("byte {found}"))
}

/// A key that prints as an excerpt, since it may be long and hold anything.
#[derive(Clone, Copy)]
struct DisplayKey<'a>(&'a str);

impl Display for DisplayKey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&excerpt(self.0))
    }
}
