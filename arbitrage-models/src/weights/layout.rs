//! Where tensors lie in a file, and whether that can be true.

use std::path::Path;

use super::shown;
use crate::error::{Error, Result};

/// Larger than any file: a length beyond this is a lie rather than a sign of a cut file.
pub(crate) const ABSURD: u64 = 1 << 48;

/// A tensor's claimed bytes, counted from the start of the data section.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span<'a> {
    pub(crate) name: &'a str,
    pub(crate) begin: u64,
    pub(crate) end: u64,
}

/// Checks that the tensors fill the data section end to end, each starting at the next multiple of `alignment` (a power
/// of two) after the one before: no overlap, no hole, nothing reversed. Returns the end of the last one.
///
/// Both formats demand this, and it is what keeps two names from sharing bytes and a file from smuggling any.
pub(crate) fn check_contiguous(path: &Path, spans: &mut [Span<'_>], alignment: u64) -> Result<u64> {
    spans.sort_by_key(|span| (span.begin, span.end));
    let (mut end, mut before) = (0u64, None);
    for span in &*spans {
        let due = end.checked_next_multiple_of(alignment).unwrap_or(u64::MAX);
        if span.begin != due || span.end < span.begin || span.end > ABSURD {
            return Err(misplaced(path, span, due, before));
        }
        (end, before) = (span.end, Some(span.name));
    }
    Ok(end)
}

/// The error for `span`, which should have started at `due`, right after the tensor `before`.
fn misplaced(path: &Path, span: &Span<'_>, due: u64, before: Option<&str>) -> Error {
    let neighbour = before.map_or_else(|| "the start of the data".to_owned(), |name| format!("`{}`", shown(name)));
    let problem = match span {
        _ if span.end < span.begin => "reversed",
        _ if span.begin < due => "an overlap",
        _ if span.begin > due => "a hole",
        _ => "larger than any file",
    };
    Error::format(
        path,
        format!("tensor `{}`", shown(span.name)),
        format!("data from offset {due}, right after {neighbour}"),
        format!("offsets {}..{}: {problem}", span.begin, span.end),
    )
}

/// [`Error::Truncated`] unless the file of `found` bytes holds the `expected` ones.
pub(crate) fn check_length(path: &Path, expected: u64, found: u64) -> Result<()> {
    if expected <= found { Ok(()) } else { Err(Error::Truncated { path: path.to_owned(), expected, found }) }
}
