//! Checks that the tensors of a file fill its data section.

use std::path::Path;

use arbitrage_core::text::excerpt;

use crate::error::{Error, Result};

/// Larger than any file: a greater length means that the field is wrong, and not that the file is incomplete.
pub(crate) const MAX_FILE_BYTES: u64 = 1 << 48;

/// The bytes of a tensor by its description, from the start of the data section.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByteSpan<'a> {
    pub(crate) name: &'a str,
    pub(crate) begin: u64,
    pub(crate) end: u64,
}

/// Checks that the tensors follow each other without gaps, each starting at the next multiple of `alignment` (a power of two) after the
/// one before: no overlap, no hole, nothing reversed. Returns the end of the last one.
///
/// Both formats require this. It ensures that no two names share bytes, and that a file holds no bytes without a name.
pub(crate) fn check_contiguous(path: &Path, spans: &mut [ByteSpan<'_>], alignment: u64) -> Result<u64> {
    spans.sort_by_key(|span| (span.begin, span.end));
    let (mut end, mut before) = (0u64, None);
    for span in &*spans {
        let due = end.checked_next_multiple_of(alignment).unwrap_or(u64::MAX);
        if span.begin != due || span.end < span.begin || span.end > MAX_FILE_BYTES {
            return Err(misplaced(path, span, due, before));
        }
        (end, before) = (span.end, Some(span.name));
    }
    Ok(end)
}

/// The error for `span`, which should start at `due`, right after the tensor `before`.
fn misplaced(path: &Path, span: &ByteSpan<'_>, due: u64, before: Option<&str>) -> Error {
    let neighbour = before.map_or_else(|| "the start of the data".to_owned(), |name| format!("`{}`", excerpt(name)));
    let problem = match span {
        _ if span.end < span.begin => "reversed",
        _ if span.begin < due => "an overlap",
        _ if span.begin > due => "a hole",
        _ => "larger than any file",
    };
    Error::format(
        path,
        format!("tensor `{}`", excerpt(span.name)),
        format!("data from offset {due}, right after {neighbour}"),
        format!("offsets {}..{}: {problem}", span.begin, span.end),
    )
}

/// [`Error::Truncated`] unless the file of `found` bytes has the `expected` number.
pub(crate) fn check_length(path: &Path, expected: u64, found: u64) -> Result<()> {
    if expected <= found { Ok(()) } else { Err(Error::Truncated { path: path.to_owned(), expected, found }) }
}
