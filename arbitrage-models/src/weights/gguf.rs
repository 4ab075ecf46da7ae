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
mod parts;
pub(crate) mod split_name;
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
    /// All parts of the file; most have one.
    files: Vec<MappedFile>,
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
    /// Which of the parts it is in, and where.
    part: usize,
    range: Range<usize>,
}

/// A mapped file with its header.
struct GgufPart {
    file: MappedFile,
    header: header::GgufHeader,
    metadata: Metadata,
}

impl GgufPart {
    fn open(path: &Path) -> Result<Self> {
        let file = MappedFile::open(path)?;
        let mut header = header::parse(path, file.bytes())?;
        let metadata = Metadata::new(path, std::mem::take(&mut header.entries))?;
        Ok(Self { file, header, metadata })
    }
}

impl Gguf {
    /// Maps the file at `path`, and the other parts of a file in several of which it is the first, and checks all headers; no tensor is
    /// read.
    ///
    /// # Errors
    /// - [`Error::Io`]: cannot be opened
    /// - [`Error::Truncated`]: shorter than its header says
    /// - [`Error::Format`]: an invalid header, with the key or tensor; a tensor type that [`DType`] does not have; another part than the
    ///   first, or parts that do not belong together
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let GgufPart { file, header, metadata } = GgufPart::open(path)?;
        let architecture = metadata.str_of(ARCHITECTURE).unwrap_or_default().to_owned(); // whoever reads the configuration reports its absence
        let version = header.version;
        let mut tensors = locate(&file, 0, &architecture, header, metadata.alignment()?)?;
        let mut files = vec![file];
        for (number, path) in (1..).zip(parts::others(path, &metadata)?) {
            let other = GgufPart::open(&path)?;
            parts::check(&path, &other.metadata, &metadata, number)?;
            let alignment = other.metadata.alignment()?;
            tensors.extend(locate(&other.file, number, &architecture, other.header, alignment)?);
            files.push(other.file);
        }
        parts::check_tensors(path, &metadata, tensors.len())?;
        let by_name = index(path, &architecture, &tensors)?;
        Ok(Self { files, version, metadata, tensors, by_name })
    }

    /// The format's version, 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Number of files that it lies in, of which [`WeightSource::path`] names the first.
    pub fn parts(&self) -> usize {
        self.files.len()
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
        self.files[0].path()
    }

    fn names(&self) -> Vec<String> {
        self.tensors.iter().map(|tensor| tensor.name.clone()).collect()
    }

    fn get(&self, name: &str) -> Result<Option<TensorView<'_>>> {
        Ok(self.stored(name).map(|tensor| TensorView {
            name: &tensor.name,
            dtype: tensor.dtype,
            shape: &tensor.shape,
            bytes: &self.files[tensor.part].bytes()[tensor.range.clone()],
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

    fn has_rope_factors(&self) -> bool {
        true
    }

    fn forget(&self, name: &str) {
        if let Some(tensor) = self.stored(name) {
            self.files[tensor.part].forget(&tensor.range);
        }
    }

    fn forget_part(&self, name: &str, part: Range<usize>) {
        if let Some(tensor) = self.stored(name) {
            self.files[tensor.part].forget_part(&tensor.range, part);
        }
    }
}

/// Finds the bytes of every tensor of a part, and checks that all are inside the file and none overlap.
fn locate(
    file: &MappedFile,
    part: usize,
    architecture: &str,
    header: header::GgufHeader,
    alignment: u64,
) -> Result<Vec<GgufTensor>> {
    let (path, infos) = (file.path(), header.tensors);
    let start = header.end.next_multiple_of(alignment);
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
        check_length(path, start + end, file.bytes().len() as u64)?;
    }
    let stored = |info: header::TensorInfo| {
        let begin = (start + info.offset) as usize;
        let name = names::to_hugging_face(architecture, &info.name).into_owned();
        GgufTensor { name, dtype: info.dtype, shape: info.shape, part, range: begin..begin + info.bytes }
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
