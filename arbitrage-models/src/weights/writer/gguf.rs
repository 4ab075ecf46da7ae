//! Writing GGUF files of version 3.

use std::io::{self, Write};
use std::path::Path;

use super::write_atomic;
use crate::error::{Error, Result};
use crate::weights::TensorView;
use crate::weights::gguf::{ARCHITECTURE, MetadataArray, MetadataValue, names};

/// Tensors start at multiples of so many bytes. It is GGUF's default, so that `general.alignment` need not be written.
const ALIGNMENT: usize = 32;

/// Collects metadata and tensors, then writes them in the order in which they were added.
///
/// ```
/// # use arbitrage_models::weights::{DType, Gguf, TensorView, WeightSource, writer::GgufWriter};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tiny.gguf");
/// let bytes = [0; 16];
/// let norm = TensorView { name: "model.norm.weight", dtype: DType::F32, shape: &[4], bytes: &bytes };
/// GgufWriter::new().metadata("general.architecture", "llama").tensor(norm).write(&path)?;
///
/// let file = Gguf::open(&path)?;
/// assert_eq!(file.architecture()?, "llama");
/// assert_eq!(file.names(), ["model.norm.weight"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct GgufWriter<'a> {
    metadata: Vec<(String, MetadataValue)>,
    tensors: Vec<TensorView<'a>>,
}

impl<'a> GgufWriter<'a> {
    /// A writer without metadata and tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value under `key`, which must not have been added before.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<MetadataValue>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// Adds a tensor. Hugging Face names are translated to GGUF's of the architecture in the metadata; others are written as they are.
    pub fn tensor(mut self, tensor: TensorView<'a>) -> Self {
        self.tensors.push(tensor);
        self
    }

    /// Writes the file [atomically](super::write_atomic).
    ///
    /// # Errors
    /// [`Error::Parameter`] if a tensor's bytes do not fit its shape and type, or if GGUF does not
    /// have the type;
    /// [`Error::Io`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        self.check()?;
        write_atomic(path.as_ref(), |file| self.write_to(file))
    }

    /// The file's content, in memory.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.check()?;
        let mut bytes = Vec::new();
        self.write_to(&mut bytes).map_err(|source| Error::io("memory", source))?;
        Ok(bytes)
    }

    fn check(&self) -> Result<()> {
        self.tensors.iter().try_for_each(|tensor| match tensor.dtype.ggml_id() {
            Some(_) => tensor.count().map(drop),
            None => {
                let expected = "a type that GGUF files may have".to_owned();
                Err(Error::Parameter { name: "tensor", expected, found: tensor.dtype.to_string() })
            }
        })
    }

    fn write_to(&self, file: &mut dyn Write) -> io::Result<()> {
        let header = self.header();
        file.write_all(&header)?;
        pad(file, header.len())?;
        for tensor in &self.tensors {
            file.write_all(tensor.bytes)?;
            pad(file, tensor.bytes.len())?;
        }
        Ok(())
    }

    fn header(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        put_len(&mut out, self.tensors.len());
        put_len(&mut out, self.metadata.len());
        for (key, value) in &self.metadata {
            put_string(&mut out, key);
            out.extend((value.value_type() as u32).to_le_bytes());
            put_value(&mut out, value);
        }
        let architecture = self.metadata.iter().find_map(|(key, value)| match value {
            MetadataValue::String(name) if key == ARCHITECTURE => Some(name.as_str()),
            _ => None,
        });
        let mut offset = 0;
        for tensor in &self.tensors {
            put_string(&mut out, &names::to_gguf(architecture.unwrap_or_default(), tensor.name));
            out.extend((tensor.shape.len() as u32).to_le_bytes());
            tensor.shape.iter().rev().for_each(|dim| put_len(&mut out, *dim));
            // `check` has refused types that have no number.
            out.extend(tensor.dtype.ggml_id().unwrap_or(u32::MAX).to_le_bytes());
            put_len(&mut out, offset);
            offset += tensor.bytes.len().next_multiple_of(ALIGNMENT);
        }
        out
    }
}

/// Zeros up to the next multiple of the alignment after `written` bytes.
fn pad(file: &mut dyn Write, written: usize) -> io::Result<()> {
    file.write_all(&[0; ALIGNMENT][..written.next_multiple_of(ALIGNMENT) - written])
}

fn put_len(out: &mut Vec<u8>, length: usize) {
    out.extend((length as u64).to_le_bytes());
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    put_len(out, text.len());
    out.extend(text.as_bytes());
}

fn put_value(out: &mut Vec<u8>, value: &MetadataValue) {
    match value {
        MetadataValue::U8(value) => out.push(*value),
        MetadataValue::I8(value) => out.extend(value.to_le_bytes()),
        MetadataValue::U16(value) => out.extend(value.to_le_bytes()),
        MetadataValue::I16(value) => out.extend(value.to_le_bytes()),
        MetadataValue::U32(value) => out.extend(value.to_le_bytes()),
        MetadataValue::I32(value) => out.extend(value.to_le_bytes()),
        MetadataValue::F32(value) => out.extend(value.to_le_bytes()),
        MetadataValue::Bool(value) => out.push(u8::from(*value)),
        MetadataValue::String(text) => put_string(out, text),
        MetadataValue::Array(array) => put_array(out, array),
        MetadataValue::U64(value) => out.extend(value.to_le_bytes()),
        MetadataValue::I64(value) => out.extend(value.to_le_bytes()),
        MetadataValue::F64(value) => out.extend(value.to_le_bytes()),
    }
}

fn put_array(out: &mut Vec<u8>, array: &MetadataArray) {
    out.extend((array.value_type() as u32).to_le_bytes());
    put_len(out, array.len());
    match array {
        MetadataArray::Scalars { bytes, .. } => out.extend(bytes),
        MetadataArray::Strings(strings) => strings.iter().for_each(|text| put_string(out, text)),
        MetadataArray::Arrays(arrays) => arrays.iter().for_each(|array| put_array(out, array)),
    }
}
