//! Splits the texts that the vocabulary is made from as the pre-tokenizer does.

/// The pieces of an ASCII text by [`PATTERN`](super::PATTERN). The tests compare both; other texts are never split here.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(first_piece_len(rest));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// The length of the first piece in bytes.
fn first_piece_len(text: &str) -> usize {
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
