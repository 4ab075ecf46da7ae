//! The header of a GGUF file: magic, version, counts, metadata, and the tensors' descriptions.

use std::path::Path;

use arbitrage_core::text::excerpt;

use super::cursor::Cursor;
use super::parse_value::value;
use super::value::MetadataValue;
use crate::content;
use crate::error::{Error, Result};
use crate::weights::DType;
use crate::weights::dtype::unread_ggml_type;

/// What a file begins with.
const MAGIC: &[u8; 4] = b"GGUF";
/// Most dimensions of a tensor, as in ggml.
const MAX_DIMS: u32 = 4;
/// Longest key, by the specification.
const MAX_KEY_BYTES: usize = 65_535;
/// Fewest bytes of a metadata entry (length, one character, type, value) and of a tensor's description (length, one character, one
/// dimension with its count, type, offset). They limit how many a file of a given size may declare.
const MIN_ENTRY_BYTES: u64 = 8 + 1 + 4 + 1;
const MIN_TENSOR_BYTES: u64 = 8 + 1 + 4 + 8 + 4 + 8;

/// A parsed header. Its offsets are not yet checked against the data that follows it.
pub(super) struct GgufHeader {
    pub(super) version: u32,
    pub(super) entries: Vec<(String, MetadataValue)>,
    pub(super) tensors: Vec<TensorInfo>,
    /// Length of the header in bytes.
    pub(super) end: u64,
}

/// A tensor's description: its name in GGUF, its shape with the outermost dimension first, and its `offset` from the start of the data.
pub(super) struct TensorInfo {
    pub(super) name: String,
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    pub(super) offset: u64,
    pub(super) bytes: usize,
}

/// Parses the header of the file whose content is `bytes`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<GgufHeader> {
    let mut cursor = Cursor::new(path, bytes);
    if !bytes.starts_with(MAGIC)
        && let Some(error) = content::not_weights(path, bytes)
    {
        return Err(error);
    }
    let magic = cursor.array::<4>("magic")?;
    if &magic != MAGIC {
        let found = format!("\"{}\"", magic.escape_ascii());
        return Err(Error::format(path, "magic", "\"GGUF\"", found));
    }
    let version = version(&mut cursor)?;
    // As in the specification the count of tensors comes first, their descriptions last.
    let tensor_count = cursor.count(MIN_TENSOR_BYTES, "tensor count")?;
    let entry_count = cursor.count(MIN_ENTRY_BYTES, "metadata count")?;
    let entries = (0..entry_count).map(|at| entry(&mut cursor, at)).collect::<Result<_>>()?;
    let tensors = (0..tensor_count).map(|at| tensor(&mut cursor, at)).collect::<Result<_>>()?;
    Ok(GgufHeader { version, entries, tensors, end: cursor.position() })
}

fn version(cursor: &mut Cursor<'_>) -> Result<u32> {
    let version = cursor.u32("version")?;
    match version {
        2 | 3 => Ok(version),
        _ if matches!(version.swap_bytes(), 1..=3) => {
            Err(Error::format(cursor.path(), "version", "a little-endian file", "a big-endian one"))
        }
        _ => Err(Error::format(cursor.path(), "version", "2 or 3", version)),
    }
}

fn entry(cursor: &mut Cursor<'_>, at: usize) -> Result<(String, MetadataValue)> {
    let key = cursor.string(format_args!("key {at}"))?;
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        let expected = format!("1 to {MAX_KEY_BYTES} bytes");
        return Err(Error::format(cursor.path(), format!("key {at}"), expected, format!("{} bytes", key.len())));
    }
    Ok((key.to_owned(), value(cursor, key)?))
}

fn tensor(cursor: &mut Cursor<'_>, at: usize) -> Result<TensorInfo> {
    let name = cursor.string(format_args!("name of tensor {at}"))?;
    if name.is_empty() {
        return Err(Error::format(cursor.path(), format!("name of tensor {at}"), "a name", "nothing"));
    }
    let path = cursor.path();
    let wrong =
        |expected: String, found: String| Error::format(path, format!("tensor `{}`", excerpt(name)), expected, found);
    let dims = cursor.u32(format_args!("dimensions of tensor {at}"))?;
    if !(1..=MAX_DIMS).contains(&dims) {
        return Err(wrong(format!("1 to {MAX_DIMS} dimensions"), dims.to_string()));
    }
    let mut shape = Vec::new();
    for _ in 0..dims {
        let dim = cursor.u64(format_args!("shape of tensor {at}"))?;
        let dim = usize::try_from(dim).ok().filter(|dim| *dim > 0);
        shape.push(dim.ok_or_else(|| wrong("positive dimensions".into(), "0 or one beyond memory".into()))?);
    }
    // The file has the innermost dimension first.
    shape.reverse();
    let id = cursor.u32(format_args!("type of tensor {at}"))?;
    let dtype = DType::from_ggml_id(id).ok_or_else(|| wrong(supported_types(), unread_type(id)))?;
    let offset = cursor.u64(format_args!("offset of tensor {at}"))?;
    let bytes = dtype.tensor_bytes(&shape).filter(|bytes| *bytes <= isize::MAX as usize).ok_or_else(|| {
        let expected = format!("rows of whole blocks of {} values, and a size below 2^63 bytes", dtype.block_len());
        wrong(expected, format!("{dtype} {shape:?}"))
    })?;
    Ok(TensorInfo { name: name.to_owned(), dtype, shape, offset, bytes })
}

/// The types that we read.
fn supported_types() -> String {
    format!("one of the types {}", DType::ALL.map(DType::name).join(", "))
}

/// A type that we do not read, and what to do.
fn unread_type(id: u32) -> String {
    match unread_ggml_type(id) {
        Some(name) => format!("{name} (type {id}), which is not read: take the model in Q4_K_M or Q8_0"),
        None => format!("type {id}, which is unknown: take the model in Q4_K_M or Q8_0"),
    }
}
