//! Files in several parts, as llama.cpp's `llama-gguf-split` writes them: `NAME-00001-of-00003.gguf` has all metadata.

use std::path::{Path, PathBuf};

use arbitrage_core::text::excerpt;

use super::Metadata;
use super::split_name::{SplitName, end};
use crate::error::{Error, Result};

const COUNT: &str = "split.count";
const NUMBER: &str = "split.no";
const TENSORS: &str = "split.tensors.count";
/// Most parts of a file; names have room for no more.
const MAX_PARTS: u32 = 99_999;

/// The other parts of the file whose first one is at `path`, in order; none for a file in one part.
///
/// # Errors
/// [`Error::Format`] for another part than the first, and for a name that does not say where the others are.
pub(super) fn others(path: &Path, metadata: &Metadata) -> Result<Vec<PathBuf>> {
    let count = metadata.optional(COUNT, Metadata::u32_of)?.unwrap_or(1);
    if count <= 1 {
        return Ok(Vec::new());
    }
    if count > MAX_PARTS {
        return Err(Error::format(path, COUNT, format!("at most {MAX_PARTS} parts"), count));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let number = metadata.optional(NUMBER, Metadata::u32_of)?.unwrap_or(0);
    let own = number.saturating_add(1);
    let is_own = |split: &SplitName<'_>| (split.number, split.count) == (own, count);
    let Some(split) = SplitName::read(&name).filter(is_own) else {
        let expected = format!("a file whose name ends in `{}`, by which the other parts are found", end(own, count));
        return Err(Error::format(path, COUNT, expected, format!("one of {count} parts, called `{}`", excerpt(&name))));
    };
    if own != 1 {
        let first = path.with_file_name(split.part(1));
        let found = format!("part {own} of {count}");
        return Err(Error::format(path, NUMBER, format!("the first part: open {}", first.display()), found));
    }
    Ok((2..=count).map(|number| path.with_file_name(split.part(number))).collect())
}

/// Refuses a file that is not part `number` of as many parts as `first` says.
///
/// # Errors
/// [`Error::Format`] naming `path` and the key.
pub(super) fn check(path: &Path, metadata: &Metadata, first: &Metadata, number: usize) -> Result<()> {
    let (count, found) = (first.u32_of(COUNT)?, metadata.u32_of(COUNT)?);
    if found != count {
        return Err(Error::format(path, COUNT, format!("{count}, as in the first part"), found));
    }
    match metadata.u32_of(NUMBER)? {
        found if found as usize == number => Ok(()),
        found => Err(Error::format(path, NUMBER, number, found)),
    }
}

/// Refuses parts that together have another number of tensors than the first one says.
///
/// # Errors
/// [`Error::Format`] naming `path` and the key.
pub(super) fn check_tensors(path: &Path, metadata: &Metadata, tensors: usize) -> Result<()> {
    match metadata.optional(TENSORS, Metadata::u32_of)? {
        Some(expected) if expected as usize != tensors => {
            Err(Error::format(path, TENSORS, format!("{tensors}, as many as all parts have"), expected))
        }
        _ => Ok(()),
    }
}
