//! Helpers for arbitrary text: excerpts for error messages, and a hash.

use std::borrow::Borrow;

/// Characters of a text that [`excerpt`] keeps.
const MAX_EXCERPT_CHARS: usize = 120;

/// The first 120 characters of `text` for an error message, with control characters escaped and `…` where more follows.
///
/// ```
/// assert_eq!(arbitrage_core::text::excerpt("two\nlines"), r"two\nlines");
/// ```
pub fn excerpt(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(MAX_EXCERPT_CHARS).flat_map(char::escape_debug).collect();
    if chars.next().is_some() { head + "…" } else { head }
}

/// The 64-bit [FNV-1a hash](https://datatracker.ietf.org/doc/draft-eastlake-fnv/) of `bytes`: the same on every machine and in every
/// version, so it may be written to files.
///
/// ```
/// assert_eq!(arbitrage_core::text::fnv1a(*b"a"), 0xaf63_dc4c_8601_ec8c);
/// ```
pub fn fnv1a(bytes: impl IntoIterator<Item: Borrow<u8>>) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| mix(hash, *byte.borrow()))
}
