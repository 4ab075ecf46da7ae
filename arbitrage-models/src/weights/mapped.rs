//! Read-only file mappings.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::error::{Error, Result};
use crate::small_file;

/// A whole file, mapped into memory for reading.
#[derive(Debug)]
pub(crate) struct MappedFile {
    path: PathBuf,
    map: Mmap,
}

impl MappedFile {
    /// Maps the regular file at `path`. Others are refused, since opening a pipe may block for ever.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        small_file::regular(path)?;
        let file = File::open(path).map_err(|source| Error::io(path, source))?;
        // SAFETY: the mapping is read-only and owned by this struct, and its bytes are plain data, so any content is valid. The file must
        // not be changed or shortened while it is mapped: users of the crate uphold this, as the documentation of `weights` says, and our
        // own writers replace files by renaming.
        let map = unsafe { Mmap::map(&file) }.map_err(|source| Error::io(path, source))?;
        Ok(Self { path: path.to_owned(), map })
    }

    /// The file's path as it was given.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's content.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Drops the pages that are completely inside `range` from this process's memory. If the system refuses, this costs only memory.
    pub(crate) fn forget(&self, range: &Range<usize>) {
        // The smallest page size of the supported systems. Where pages are larger, the system rounds outwards, and neighbouring tensors
        // are read from the file again.
        const PAGE: usize = 4096;
        let start = range.start.next_multiple_of(PAGE);
        let end = range.end.min(self.map.len()) / PAGE * PAGE;
        if start >= end {
            return;
        }
        #[cfg(unix)]
        // SAFETY: the mapping is file-backed, shared and never written, so that dropped pages are read from the file again with the same
        // bytes, also through slices that are borrowed now. The range is inside the mapping, as computed above.
        let _ = unsafe { self.map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, end - start) };
    }

    /// As [`forget`](Self::forget), for the bytes `part` of a tensor that lies at `tensor`.
    pub(crate) fn forget_part(&self, tensor: &Range<usize>, part: Range<usize>) {
        let place = |at: usize| tensor.start.saturating_add(at).min(tensor.end);
        self.forget(&(place(part.start)..place(part.end)));
    }
}

#[cfg(test)]
mod tests {
    use super::MappedFile;

    #[test]
    fn dropped_pages_read_the_same_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..100_000u32).map(|i| i as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let mapped = MappedFile::open(&path).unwrap();
        assert_eq!(mapped.bytes(), content);
        for range in [0..100_000, 5..10, 4096..8192, 99_000..usize::MAX] {
            mapped.forget(&range);
            assert_eq!(mapped.bytes(), content);
        }
        mapped.forget_part(&(5000..90_000), 10_000..usize::MAX);
        assert_eq!(mapped.bytes(), content);
    }
}
