//! Hugging Face checkpoints: one safetensors file, or shards with an index.
//!
//! The header is parsed here rather than by the `safetensors` crate, since that one silently keeps the last of two tensors of one name, and
//! does not name a tensor whose size is wrong.

mod header;
mod index;

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use arbitrage_core::text::excerpt;

use super::mapped::MappedFile;
use super::{DType, LoadReport, TensorView, WeightSource};
use crate::error::{Error, Result};

/// File names inside a checkpoint's folder.
const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The mapped safetensors files of one checkpoint.
#[derive(Debug)]
pub struct SafetensorsFolder {
    path: PathBuf,
    shards: Vec<MappedFile>,
    tensors: Vec<SafetensorsTensor>,
    by_name: HashMap<String, usize>,
}

/// A tensor of any type, as it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredTensor<'a> {
    /// The type's name.
    pub dtype: &'static str,
    pub shape: &'a [usize],
    pub bytes: &'a [u8],
}

/// One tensor: in which shard and where it is, and its type.
#[derive(Debug)]
struct SafetensorsTensor {
    name: String,
    kind: header::TensorType,
    shape: Vec<usize>,
    shard: usize,
    range: Range<usize>,
}

impl SafetensorsFolder {
    /// Maps the checkpoint at `path`: a safetensors file, or a folder with `model.safetensors` or, failing that,
    /// `model.safetensors.index.json` and its shards. Reads headers only.
    ///
    /// # Errors
    /// - [`Error::Io`]: cannot be opened
    /// - [`Error::Truncated`]: a file is shorter than its header says
    /// - [`Error::Format`]: an invalid header or index, with the tensor or the JSON pointer; a folder without weights
    /// - [`Error::Weights`]: shards or tensors that the index names are absent, all of them listed
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if !path.is_dir() {
            return Self::open_single(path, path);
        }
        let (single, index) = (path.join(SINGLE), path.join(INDEX));
        // A link that leads nowhere is there, and its error says where it leads.
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        match (is_there(&single), is_there(&index)) {
            (true, _) => Self::open_single(path, &single),
            (false, true) => Self::open_shards(path, &index),
            (false, false) => Err(Error::format(path, "folder", format!("{SINGLE} or {INDEX}"), "neither")),
        }
    }

    fn open_single(path: &Path, file: &Path) -> Result<Self> {
        let mut folder = Self::empty(path);
        folder.add_shard(file)?;
        Ok(folder)
    }

    fn open_shards(path: &Path, index_path: &Path) -> Result<Self> {
        let index = index::read(index_path)?;
        let mut folder = Self::empty(path);
        let mut report = LoadReport::default();
        let mut shard_of = HashMap::new();
        for file in index.files() {
            let shard = path.join(file);
            if shard.exists() {
                shard_of.insert(file, folder.shards.len());
                folder.add_shard(&shard)?;
            } else {
                report.unreadable(file, "the index names this shard, but there is no such file");
            }
        }
        for (name, file) in index.tensors() {
            let Some(shard) = shard_of.get(file) else { continue };
            let found = folder.by_name.get(name).map(|at| folder.tensors[*at].shard);
            if found != Some(*shard) {
                report.unreadable(name, format!("not in `{}`, where the index places it", excerpt(file)));
            }
        }
        report.finish(index_path)?;
        Ok(folder)
    }

    fn empty(path: &Path) -> Self {
        Self { path: path.to_owned(), shards: Vec::new(), tensors: Vec::new(), by_name: HashMap::new() }
    }

    /// Maps one more file and adds its tensors.
    fn add_shard(&mut self, path: &Path) -> Result<()> {
        let file = MappedFile::open(path)?;
        for entry in header::parse(path, file.bytes())? {
            let header::TensorEntry { name, kind, shape, range } = entry;
            if let Some(earlier) = self.by_name.insert(name.clone(), self.tensors.len()) {
                let other = self.shards.get(self.tensors[earlier].shard).map_or(path, MappedFile::path);
                let found = format!("the name again, first in {}", other.display());
                return Err(Error::format(
                    path,
                    format!("tensor `{}`", excerpt(&name)),
                    "one tensor for each name",
                    found,
                ));
            }
            self.tensors.push(SafetensorsTensor { name, kind, shape, shard: self.shards.len(), range });
        }
        self.shards.push(file);
        Ok(())
    }

    /// The tensor called `name`, whatever its type.
    pub(super) fn stored_tensor(&self, name: &str) -> Option<StoredTensor<'_>> {
        let tensor = self.stored(name)?;
        let dtype = match tensor.kind {
            header::TensorType::Supported(dtype) => dtype.name(),
            header::TensorType::Unsupported(name) => name,
        };
        let bytes = &self.shards[tensor.shard].bytes()[tensor.range.clone()];
        Some(StoredTensor { dtype, shape: &tensor.shape, bytes })
    }

    fn stored(&self, name: &str) -> Option<&SafetensorsTensor> {
        self.by_name.get(name).map(|at| &self.tensors[*at])
    }
}

impl WeightSource for SafetensorsFolder {
    fn path(&self) -> &Path {
        &self.path
    }

    fn names(&self) -> Vec<String> {
        self.tensors.iter().map(|tensor| tensor.name.clone()).collect()
    }

    fn get(&self, name: &str) -> Result<Option<TensorView<'_>>> {
        let Some(tensor) = self.stored(name) else { return Ok(None) };
        let shard = &self.shards[tensor.shard];
        let dtype = match tensor.kind {
            header::TensorType::Supported(dtype) => dtype,
            header::TensorType::Unsupported(found) => {
                let [f32, f16, bf16] = [DType::F32, DType::F16, DType::BF16];
                let field = format!("tensor `{}`", excerpt(name));
                let found = format!("{found}: {}", header::advice(found));
                return Err(Error::format(shard.path(), field, format!("type {f32}, {f16} or {bf16}"), found));
            }
        };
        let bytes = &shard.bytes()[tensor.range.clone()];
        Ok(Some(TensorView { name: &tensor.name, dtype, shape: &tensor.shape, bytes }))
    }

    fn forget(&self, name: &str) {
        if let Some(tensor) = self.stored(name) {
            self.shards[tensor.shard].forget(&tensor.range);
        }
    }

    fn forget_part(&self, name: &str, part: Range<usize>) {
        if let Some(tensor) = self.stored(name) {
            self.shards[tensor.shard].forget_part(&tensor.range, part);
        }
    }
}
