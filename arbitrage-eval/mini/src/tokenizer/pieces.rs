//! Where the pre-tokenizer cuts, for the texts that the vocabulary is made from.

/// The pieces of an ASCII text. It follows [`PATTERN`](super::PATTERN), which the tests hold it to; other texts are never cut
/// here.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(first(rest));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Bytes of the first piece, at least one character.
fn first(text: &str) -> usize {
    for whole in [r"\boxed{", "\n\n", ": "] {
        if text.starts_with(whole) {
            return whole.len();
        }
    }
    let letters = text.strip_prefix(' ').unwrap_or(text);
    let after = letters.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    if after.len() == letters.len() {
        return text.chars().next().map_or(0, char::len_utf8);
    }
    let before_number = after.strip_prefix(' ').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    text.len() - after.len() + usize::from(before_number)
}
