//! Reading from bytes that may end at any point.

use std::fmt::Display;
use std::path::Path;

use crate::error::{Error, Result};
use crate::weights::layout::MAX_FILE_BYTES;

/// A position in a file's bytes. Every read is given the field that it reads, for errors.
pub(super) struct Cursor<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(path: &'a Path, bytes: &'a [u8]) -> Self {
        Self { path, bytes, at: 0 }
    }

    /// The file, for errors.
    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> u64 {
        self.at as u64
    }

    /// The next `length` bytes.
    pub(super) fn take(&mut self, length: u64, field: impl Display) -> Result<&'a [u8]> {
        self.check(length, 1, field)?;
        let start = self.at;
        self.at += length as usize;
        Ok(&self.bytes[start..self.at])
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self, field: impl Display) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64, field)?);
        Ok(array)
    }

    pub(super) fn u32(&mut self, field: impl Display) -> Result<u32> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, field: impl Display) -> Result<u64> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// A count of elements of at least `min_bytes` each, checked to fit the rest of the file.
    pub(super) fn count(&mut self, min_bytes: u64, field: impl Display + Copy) -> Result<usize> {
        let count = self.u64(field)?;
        self.check(count, min_bytes, field)?;
        Ok(count as usize)
    }

    /// A string: its length in bytes, then UTF-8.
    pub(super) fn string(&mut self, field: impl Display + Copy) -> Result<&'a str> {
        let length = self.u64(field)?;
        let bytes = self.take(length, field)?;
        std::str::from_utf8(bytes)
            .map_err(|error| Error::format(self.path, field.to_string(), "UTF-8 text", format!("other bytes: {error}")))
    }

    /// Checks that the rest of the file may hold `count` elements of `size` bytes. A number that no file can hold means that the field is
    /// wrong; a smaller one means that the file is incomplete.
    fn check(&self, count: u64, size: u64, field: impl Display) -> Result<()> {
        let bytes = count.checked_mul(size).filter(|bytes| *bytes <= MAX_FILE_BYTES);
        let Some(bytes) = bytes else {
            let expected = format!("a count or length that the file's {} bytes may hold", self.bytes.len());
            return Err(Error::format(self.path, field.to_string(), expected, count));
        };
        let (expected, found) = (self.at as u64 + bytes, self.bytes.len() as u64);
        if expected <= found {
            return Ok(());
        }
        Err(Error::Truncated { path: self.path.to_owned(), expected, found })
    }
}
