//! GGUF files, versions 2 and 3: metadata, tokenizer and tensors in one memory-mapped file.
//!
//! Follows the specification in ggml's `docs/gguf.md` and is at least as strict as llama.cpp's own reader: tensors must follow each other
//! without gaps, names must be unique, text must be UTF-8, and every count is checked against the remaining bytes before memory is
//! allocated for it.

mod cursor;
mod header;
mod metadata;
pub mod names;
mod parse_value;
pub mod value;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use arbitrage_core::text::excerpt;

use super::layout::{ByteSpan, check_contiguous, check_length};
use super::mapped::MappedFile;
use super::{DType, TensorView, WeightSource};
use crate::error::{Error, Result};
pub use metadata::Metadata;
pub use value::{MetadataArray, MetadataValue, Strings, ValueType};

/// Whether files of this architecture have the values of a rotary pair side by side.
///
/// Converters permute the rows of the query and key projections of the architectures `llama` (which SmolLM2 and Mistral are stored as)
/// and `smollm3`, so that the values of a pair are neighbours. Those of the others stay as in the Hugging Face checkpoint, which pairs
/// value `i` with `i + half`.
pub(crate) fn is_interleaved(architecture: &str) -> bool {
    matches!(architecture, "llama" | "smollm3")
}

/// The key of the architecture.
pub(crate) const ARCHITECTURE: &str = "general.architecture";

/// A mapped GGUF file.
#[derive(Debug)]
pub struct Gguf {
    file: MappedFile,
    version: u32,
    metadata: Metadata,
    tensors: Vec<GgufTensor>,
    by_name: HashMap<String, usize>,
}

/// One tensor: its Hugging Face name and its bytes, counted from the start of the file.
#[derive(Debug)]
struct GgufTensor {
    name: String,
    dtype: DType,
    shape: Vec<usize>,
    range: Range<usize>,
}

impl Gguf {
    /// Maps the file at `path` and checks its whole header; no tensor is read.
    ///
    /// # Errors
    /// - [`Error::Io`]: cannot be opened
    /// - [`Error::Truncated`]: shorter than its header says
    /// - [`Error::Format`]: an invalid header, with the key or tensor; a tensor type that [`DType`] does not have; one part of a split
    ///   file
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = MappedFile::open(path)?;
        let header = header::parse(path, file.bytes())?;
        let metadata = Metadata::new(path, header.entries)?;
        if let Some(parts) = metadata.optional("split.count", Metadata::u32_of)?
            && parts > 1
        {
            let expected = "a whole file (join the parts with `llama-gguf-split --merge FIRST-PART OUT.gguf`)";
            return Err(Error::format(path, "split.count", expected, format!("one of {parts} parts")));
        }
        let start = header.end.next_multiple_of(metadata.alignment()?);
        let architecture = metadata.str_of(ARCHITECTURE).unwrap_or_default(); // whoever reads the configuration reports its absence
        let tensors =
            locate(path, architecture, header.tensors, start, metadata.alignment()?, file.bytes().len() as u64)?;
        let by_name = index(path, architecture, &tensors)?;
        Ok(Self { file, version: header.version, metadata, tensors, by_name })
    }

    /// The format's version, 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The value under `key`, if there is one.
    pub fn metadata(&self, key: &str) -> Option<&MetadataValue> {
        self.metadata.get(key)
    }

    /// All keys and values, with getters that check types and name the key in their errors.
    pub fn all_metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// `general.architecture`, such as `qwen2`.
    ///
    /// # Errors
    /// [`Error::Format`] if it is missing or not a string.
    pub fn architecture(&self) -> Result<&str> {
        self.str_of(ARCHITECTURE)
    }

    /// Whether rotary embedding turns neighbouring values (0, 1), (2, 3), … of a head rather than its two halves.
    pub fn rope_is_interleaved(&self) -> bool {
        self.architecture().is_ok_and(is_interleaved)
    }

    fn stored(&self, name: &str) -> Option<&GgufTensor> {
        self.by_name.get(name).map(|at| &self.tensors[*at])
    }
}

impl WeightSource for Gguf {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn names(&self) -> Vec<String> {
        self.tensors.iter().map(|tensor| tensor.name.clone()).collect()
    }

    fn get(&self, name: &str) -> Result<Option<TensorView<'_>>> {
        Ok(self.stored(name).map(|tensor| TensorView {
            name: &tensor.name,
            dtype: tensor.dtype,
            shape: &tensor.shape,
            bytes: &self.file.bytes()[tensor.range.clone()],
        }))
    }

    fn name_in_file(&self, name: &str) -> String {
        names::to_gguf(self.architecture().unwrap_or_default(), name).into_owned()
    }

    fn rope_is_interleaved(&self) -> bool {
        Gguf::rope_is_interleaved(self)
    }

    fn experts_are_stacked(&self) -> bool {
        true
    }

    fn forget(&self, name: &str) {
        if let Some(tensor) = self.stored(name) {
            self.file.forget(&tensor.range);
        }
    }

    fn forget_part(&self, name: &str, part: Range<usize>) {
        if let Some(tensor) = self.stored(name) {
            self.file.forget_part(&tensor.range, part);
        }
    }
}

/// Finds the bytes of every tensor, and checks that all are inside the file and none overlap.
fn locate(
    path: &Path,
    architecture: &str,
    infos: Vec<header::TensorInfo>,
    start: u64,
    alignment: u64,
    length: u64,
) -> Result<Vec<GgufTensor>> {
    let mut spans: Vec<ByteSpan<'_>> = infos
        .iter()
        .map(|info| ByteSpan {
            name: &info.name,
            begin: info.offset,
            end: info.offset.saturating_add(info.bytes as u64),
        })
        .collect();
    let end = check_contiguous(path, &mut spans, alignment)?;
    if !spans.is_empty() {
        check_length(path, start + end, length)?;
    }
    let stored = |info: header::TensorInfo| {
        let begin = (start + info.offset) as usize;
        let name = names::to_hugging_face(architecture, &info.name).into_owned();
        GgufTensor { name, dtype: info.dtype, shape: info.shape, range: begin..begin + info.bytes }
    };
    Ok(infos.into_iter().map(stored).collect())
}

/// Positions by name; a name that comes twice, in either of its spellings, is refused.
fn index(path: &Path, architecture: &str, tensors: &[GgufTensor]) -> Result<HashMap<String, usize>> {
    let mut by_name = HashMap::with_capacity(tensors.len());
    for (at, tensor) in tensors.iter().enumerate() {
        if by_name.insert(tensor.name.clone(), at).is_some() {
            let field = format!("tensor `{}`", excerpt(&names::to_gguf(architecture, &tensor.name)));
            return Err(Error::format(path, field, "one tensor of a name", "the name again"));
        }
    }
    Ok(by_name)
}
