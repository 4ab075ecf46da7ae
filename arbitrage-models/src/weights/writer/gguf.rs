//! Writing GGUF files of version 3.

use std::io::{self, Write};
use std::path::Path;

use super::write_whole;
use crate::error::{Error, Result};
use crate::weights::TensorView;
use crate::weights::gguf::{Array, Value, names};

/// Where tensors start on, in bytes: GGUF's default, so that `general.alignment` need not be written.
const ALIGNMENT: usize = 32;

/// Collects metadata and tensors, then writes them in the order in which they came.
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
    metadata: Vec<(String, Value)>,
    tensors: Vec<TensorView<'a>>,
}

impl<'a> GgufWriter<'a> {
    /// A writer without metadata and tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value under `key`, which must not have been added before.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// Adds a tensor. Hugging Face names are translated to GGUF's; others are written as they are.
    pub fn tensor(mut self, tensor: TensorView<'a>) -> Self {
        self.tensors.push(tensor);
        self
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::error::Error::Parameter) if a tensor's bytes do not fit its shape and type, or its
    /// type is in no file; [`Error::Io`](crate::error::Error::Io).
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        self.check()?;
        write_whole(path.as_ref(), |file| self.write_to(file))
    }

    /// The file's content, in memory.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.check()?;
        let mut bytes = Vec::new();
        self.write_to(&mut bytes).map_err(|source| crate::error::Error::io("memory", source))?;
        Ok(bytes)
    }

    fn check(&self) -> Result<()> {
        self.tensors.iter().try_for_each(|tensor| {
            let (expected, found) = ("a type of GGUF files".to_owned(), tensor.dtype.to_string());
            tensor.dtype.ggml_id().ok_or(Error::Parameter { name: "tensor type", expected, found })?;
            tensor.count().map(drop)
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
            out.extend((value.kind() as u32).to_le_bytes());
            put_value(&mut out, value);
        }
        let mut offset = 0;
        for tensor in &self.tensors {
            put_string(&mut out, &names::to_gguf(tensor.name));
            out.extend((tensor.shape.len() as u32).to_le_bytes());
            tensor.shape.iter().rev().for_each(|dim| put_len(&mut out, *dim));
            out.extend(tensor.dtype.ggml_id().unwrap_or(u32::MAX).to_le_bytes()); // all have one: checked
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

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::U8(value) => out.push(*value),
        Value::I8(value) => out.extend(value.to_le_bytes()),
        Value::U16(value) => out.extend(value.to_le_bytes()),
        Value::I16(value) => out.extend(value.to_le_bytes()),
        Value::U32(value) => out.extend(value.to_le_bytes()),
        Value::I32(value) => out.extend(value.to_le_bytes()),
        Value::F32(value) => out.extend(value.to_le_bytes()),
        Value::Bool(value) => out.push(u8::from(*value)),
        Value::String(text) => put_string(out, text),
        Value::Array(array) => put_array(out, array),
        Value::U64(value) => out.extend(value.to_le_bytes()),
        Value::I64(value) => out.extend(value.to_le_bytes()),
        Value::F64(value) => out.extend(value.to_le_bytes()),
    }
}

fn put_array(out: &mut Vec<u8>, array: &Array) {
    out.extend((array.kind() as u32).to_le_bytes());
    put_len(out, array.len());
    match array {
        Array::Scalars { bytes, .. } => out.extend(bytes),
        Array::Strings(strings) => strings.iter().for_each(|text| put_string(out, text)),
        Array::Arrays(arrays) => arrays.iter().for_each(|array| put_array(out, array)),
    }
}
