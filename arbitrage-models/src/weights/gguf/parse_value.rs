//! Reading metadata values.

use std::fmt::Display;

use super::cursor::Cursor;
use super::value::{Array, Kind, Strings, Value};
use crate::error::{Error, Result};
use crate::weights::shown;

/// Deepest nesting of arrays; no known file nests any.
const DEEPEST: usize = 4;

/// The value that follows `key`.
pub(super) fn value(cursor: &mut Cursor<'_>, key: &str) -> Result<Value> {
    let key = Key(key);
    match kind(cursor, key)? {
        Kind::String => Ok(Value::String(cursor.string(key)?.to_owned())),
        Kind::Array => Ok(Value::Array(array(cursor, key, DEEPEST)?)),
        scalar => {
            let bytes = cursor.take(width(scalar), key)?;
            Value::scalar(scalar, bytes).ok_or_else(|| not_a_bool(cursor, key, bytes))
        }
    }
}

/// An array that may hold `depth − 1` further levels.
fn array(cursor: &mut Cursor<'_>, key: Key<'_>, depth: usize) -> Result<Array> {
    if depth == 0 {
        let found = "arrays nested deeper";
        return Err(Error::format(
            cursor.path(),
            key.to_string(),
            format!("at most {DEEPEST} levels of arrays"),
            found,
        ));
    }
    match kind(cursor, key)? {
        Kind::String => strings(cursor, key).map(Array::Strings),
        Kind::Array => {
            // An inner array takes at least its type and its count.
            let count = cursor.count(4 + 8, key)?;
            (0..count).map(|_| array(cursor, key, depth - 1)).collect::<Result<_>>().map(Array::Arrays)
        }
        scalar => {
            let count = cursor.count(width(scalar), key)?;
            let bytes = cursor.take(count as u64 * width(scalar), key)?;
            if scalar == Kind::Bool && bytes.iter().any(|byte| *byte > 1) {
                return Err(not_a_bool(cursor, key, bytes));
            }
            Ok(Array::Scalars { kind: scalar, bytes: bytes.to_owned() })
        }
    }
}

fn strings(cursor: &mut Cursor<'_>, key: Key<'_>) -> Result<Strings> {
    let count = cursor.count(8, key)?;
    let mut strings = Strings::default();
    for at in 0..count {
        strings.push(cursor.string(format_args!("{key}[{at}]"))?);
    }
    Ok(strings)
}

fn kind(cursor: &mut Cursor<'_>, key: Key<'_>) -> Result<Kind> {
    let id = cursor.u32(key)?;
    Kind::from_id(id)
        .ok_or_else(|| Error::format(cursor.path(), key.to_string(), "a value type of 0 to 12", format!("type {id}")))
}

/// Bytes of a scalar; strings and arrays never get here, and would be counted by the byte.
fn width(scalar: Kind) -> u64 {
    scalar.bytes().unwrap_or(1) as u64
}

fn not_a_bool(cursor: &Cursor<'_>, key: Key<'_>, bytes: &[u8]) -> Error {
    let found = bytes.iter().find(|byte| **byte > 1).copied().unwrap_or_default();
    Error::format(cursor.path(), key.to_string(), "truth values of 0 or 1", format!("byte {found}"))
}

/// A key as errors print it.
#[derive(Clone, Copy)]
struct Key<'a>(&'a str);

impl Display for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shown(self.0))
    }
}
