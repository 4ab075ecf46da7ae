//! Writing safetensors files.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::write_atomic;
use crate::error::{Error, Result};
use crate::weights::{DType, TensorView};

/// Writes `tensors` to one safetensors file, in the order given and [atomically](super::write_atomic).
///
/// # Errors
/// [`Error::Parameter`] if two tensors have the same name, if one is not F32, F16 or BF16, or if its bytes do not fit its
/// shape; [`Error::Io`].
pub fn write_safetensors(path: impl AsRef<Path>, tensors: &[TensorView<'_>]) -> Result<()> {
    let header = header(tensors)?;
    write_atomic(path.as_ref(), |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        tensors.iter().try_for_each(|tensor| file.write_all(tensor.bytes))
    })
}

/// The JSON, padded with spaces so that the data starts at a multiple of eight bytes, as other writers do.
fn header(tensors: &[TensorView<'_>]) -> Result<String> {
    let (mut entries, mut offset) = (Map::new(), 0);
    for tensor in tensors {
        tensor.count()?;
        let end = offset + tensor.bytes.len();
        let wrong =
            |expected: &str, found: String| Error::Parameter { name: "tensors", expected: expected.into(), found };
        if !matches!(tensor.dtype, DType::F32 | DType::F16 | DType::BF16) {
            return Err(wrong("F32, F16 or BF16", format!("{} of type {}", tensor.name, tensor.dtype)));
        }
        let entry = json!({ "dtype": tensor.dtype.name(), "shape": tensor.shape, "data_offsets": [offset, end] });
        if entries.insert(tensor.name.to_owned(), entry).is_some() {
            return Err(wrong("one tensor for each name", format!("{} twice", tensor.name)));
        }
        offset = end;
    }
    let json = Value::Object(entries).to_string();
    let width = json.len().next_multiple_of(8);
    Ok(format!("{json:width$}"))
}
