//! Memory for weights, in large pages where the system has them.
//!
//! A pass reads a gigabyte once, front to back. With pages of 4 KB, looking them all up in the page table takes a tenth of the pass;
//! with pages of 2 MB it takes next to nothing.

use memmap2::MmapMut;

use crate::error::{Error, Result};

/// Bytes that start on a page of their own; zeros at first.
#[derive(Debug)]
pub(super) struct Memory(MmapMut);

impl Memory {
    /// `bytes` zeros.
    ///
    /// # Errors
    /// [`Error::Io`], naming `path`, when the system has no room.
    pub(crate) fn zeroed(bytes: usize, path: &std::path::Path) -> Result<Self> {
        let map = MmapMut::map_anon(bytes.max(1)).map_err(|source| Error::io(path, source))?;
        // A system without large pages reports an error; everything then works as well, only slower.
        #[cfg(target_os = "linux")]
        map.advise(memmap2::Advice::HugePage).ok();
        Ok(Self(map))
    }

    /// The first byte.
    pub(crate) fn as_ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }

    /// All bytes.
    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
