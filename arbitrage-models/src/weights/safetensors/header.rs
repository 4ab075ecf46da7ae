//! The header of one safetensors file: eight bytes of length, then JSON, then the data.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::path::Path;

use arbitrage_core::text::excerpt;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::content;
use crate::error::{Error, Result};
use crate::weights::DType;
use crate::weights::layout::{ByteSpan, check_contiguous, check_length};

/// Bytes before the JSON.
const LENGTH_BYTES: usize = 8;
/// The format's own limit on the JSON's length, in bytes.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// Most dimensions of a tensor.
const MAX_DIMS: usize = 8;

/// How a tensor is stored: in a type that can be read, or in one of which only the size is known.
#[derive(Debug, Clone, Copy)]
pub(super) enum TensorType {
    Supported(DType),
    Unsupported(&'static str),
}

/// The format's other types, which cannot be read: name, and bits for each value.
const UNSUPPORTED: [(&str, u64); 19] = [
    ("BOOL", 8),
    ("F4", 4),
    ("F6_E2M3", 6),
    ("F6_E3M2", 6),
    ("U8", 8),
    ("I8", 8),
    ("F8_E5M2", 8),
    ("F8_E4M3", 8),
    ("F8_E8M0", 8),
    ("F8_E4M3FNUZ", 8),
    ("F8_E5M2FNUZ", 8),
    ("I16", 16),
    ("U16", 16),
    ("I32", 32),
    ("U32", 32),
    ("C64", 64),
    ("F64", 64),
    ("I64", 64),
    ("U64", 64),
];

/// What to do about a tensor of a type that cannot be read.
pub(super) fn advice(dtype: &str) -> &'static str {
    match dtype {
        "F64" | "C64" => "convert it to F32",
        "BOOL" | "I16" | "U16" | "I64" | "U64" => "it does not hold weights",
        // FP4, FP6 and FP8, and integers that quantisers pack several weights into.
        _ => "the weights are quantised; take the original ones, or a GGUF file",
    }
}

/// One tensor of the file; `range` is relative to the start of the file.
#[derive(Debug)]
pub(super) struct TensorEntry {
    pub(super) name: String,
    pub(super) kind: TensorType,
    pub(super) shape: Vec<usize>,
    pub(super) range: Range<usize>,
}

/// Parses and checks the header of the file whose content is `bytes`. Tensors are in the order of their data.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<TensorEntry>> {
    let (json, start) = split(path, bytes)?;
    let invalid = |found: String| Error::format(path, "header", "a JSON object of tensors", excerpt(&found));
    let text = std::str::from_utf8(json).map_err(|error| invalid(format!("not UTF-8: {error}")))?;
    let header: SafetensorsHeader = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;

    let kinds = header.tensors.iter().map(|(name, raw)| check_size(path, name, raw)).collect::<Result<Vec<_>>>()?;
    let mut spans: Vec<ByteSpan<'_>> = header
        .tensors
        .iter()
        .map(|(name, raw)| ByteSpan { name, begin: raw.data_offsets.0, end: raw.data_offsets.1 })
        .collect();
    let (end, length) = (start as u64 + check_contiguous(path, &mut spans, 1)?, bytes.len() as u64);
    check_length(path, end, length)?;
    if end < length {
        let found = format!("{} bytes after it", length - end);
        return Err(Error::format(path, "data", format!("the last tensor's end at byte {end}"), found));
    }
    let entries = header.tensors.into_iter().zip(kinds).map(|((name, raw), kind)| raw.entry(name, kind, start));
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by_key(|entry| entry.range.start);
    Ok(entries)
}

/// The JSON, and where the data starts.
fn split<'a>(path: &Path, bytes: &'a [u8]) -> Result<(&'a [u8], usize)> {
    let found = bytes.len() as u64;
    let prefix = bytes.first_chunk::<LENGTH_BYTES>();
    let length = prefix.map_or(0, |prefix| u64::from_le_bytes(*prefix));
    if !(1..=MAX_HEADER_BYTES).contains(&length)
        && !content::is_safetensors(bytes)
        && let Some(error) = content::not_weights(path, bytes)
    {
        return Err(error);
    }
    let Some((_, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(Error::Truncated { path: path.to_owned(), expected: LENGTH_BYTES as u64, found });
    };
    if length > MAX_HEADER_BYTES {
        let expected = format!("at most {MAX_HEADER_BYTES} bytes of header");
        return Err(Error::format(path, "header length", expected, length));
    }
    check_length(path, LENGTH_BYTES as u64 + length, found)?;
    let length = length as usize;
    Ok((&rest[..length], LENGTH_BYTES + length))
}

/// The tensor's type, once its shape, type and offsets agree.
fn check_size(path: &Path, name: &str, raw: &RawTensor) -> Result<TensorType> {
    let wrong = |expected: String, found: String| {
        Error::format(path, format!("tensor `{}`", excerpt(name)), expected, excerpt(&found))
    };
    let Some((kind, bits)) = kind_of(&raw.dtype) else {
        return Err(wrong("a type of the format, such as F32, F16 or BF16".into(), format!("type `{}`", raw.dtype)));
    };
    if raw.shape.len() > MAX_DIMS {
        return Err(wrong(format!("at most {MAX_DIMS} dimensions"), raw.shape.len().to_string()));
    }
    let values = raw.shape.iter().try_fold(1u64, |count, dim| count.checked_mul(*dim));
    let size = values.and_then(|values| values.checked_mul(bits)).filter(|bits| bits % 8 == 0).map(|bits| bits / 8);
    let (begin, end) = raw.data_offsets;
    match size {
        None => Err(wrong("a size in whole bytes below 2^61".into(), format!("{} {:?}", raw.dtype, raw.shape))),
        // Reversed offsets are left to `check_contiguous`, whose error says that they are reversed.
        Some(size) if end >= begin && end - begin != size => Err(wrong(
            format!("{size} bytes for {} {:?}", raw.dtype, raw.shape),
            format!("{} bytes (offsets {begin}..{end})", end - begin),
        )),
        Some(_) => Ok(kind),
    }
}

fn kind_of(dtype: &str) -> Option<(TensorType, u64)> {
    let read = [DType::F32, DType::F16, DType::BF16].into_iter().find(|read| read.name() == dtype);
    read.map(|read| (TensorType::Supported(read), 8 * read.block_bytes() as u64)).or_else(|| {
        UNSUPPORTED.iter().find(|(name, _)| *name == dtype).map(|(name, bits)| (TensorType::Unsupported(name), *bits))
    })
}

/// A tensor as the JSON describes it; offsets are relative to the start of the data.
#[derive(Debug, serde::Deserialize)]
struct RawTensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl RawTensor {
    /// No cast can overflow: the data is inside a file that was mapped.
    fn entry(self, name: String, kind: TensorType, start: usize) -> TensorEntry {
        let range = start + self.data_offsets.0 as usize..start + self.data_offsets.1 as usize;
        TensorEntry { name, kind, shape: self.shape.into_iter().map(|dim| dim as usize).collect(), range }
    }
}

/// The JSON object: tensors by name, and texts under `__metadata__`, which are checked and ignored.
struct SafetensorsHeader {
    tensors: Vec<(String, RawTensor)>,
}

impl<'de> Deserialize<'de> for SafetensorsHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = SafetensorsHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SafetensorsHeader, A::Error> {
        let (mut tensors, mut seen) = (Vec::new(), HashSet::new());
        while let Some(name) = map.next_key::<String>()? {
            let within = |error: A::Error| A::Error::custom(format_args!("`{}`: {error}", excerpt(&name)));
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("`{}` comes twice", excerpt(&name))));
            }
            if name == "__metadata__" {
                map.next_value::<BTreeMap<String, String>>().map_err(within)?;
            } else {
                let raw = map.next_value::<RawTensor>().map_err(within)?;
                tensors.push((name, raw));
            }
        }
        Ok(SafetensorsHeader { tensors })
    }
}
