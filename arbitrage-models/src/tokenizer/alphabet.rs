//! How the text of a vocabulary entry encodes bytes.
//!
//! Two encodings are in use. GPT-2's byte level writes every byte as one printable character, so a space is `Ġ` and a newline
//! `Ċ`. SentencePiece writes text unchanged but for a space, which is `▁`, and a byte that has no piece, such as `<0x0A>`.

/// The encoding of a vocabulary's normal entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// One printable character for each byte (GPT-2, Llama 3, Qwen, SmolLM).
    ByteLevel,
    /// SentencePiece with byte fallback (Llama 2, Mistral).
    Pieces,
}

/// The character with which SentencePiece writes a space.
pub(super) const SPACE: char = '▁';

impl Alphabet {
    /// Appends the bytes that `text` encodes to `out`.
    pub(super) fn decode(self, text: &str, out: &mut Vec<u8>) {
        match self {
            Self::ByteLevel => decode_byte_level(text, out),
            Self::Pieces => match byte_piece(text) {
                Some(byte) => out.push(byte),
                None => out.extend_from_slice(text.replace(SPACE, " ").as_bytes()),
            },
        }
    }
}

/// The byte of a byte-fallback piece such as `<0x0A>`.
pub(super) fn byte_piece(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    let two = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if two { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// An entry with a character outside the alphabet is not encoded: its bytes are those of its text, as in the `tokenizers` crate.
fn decode_byte_level(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    for c in text.chars() {
        match byte_of(c) {
            Some(byte) => out.push(byte),
            None => {
                out.truncate(start);
                out.extend_from_slice(text.as_bytes());
                return;
            }
        }
    }
}

/// Printable Latin-1 characters encode themselves; the other 68 bytes, in order, are the characters from U+0100 on.
fn byte_of(c: char) -> Option<u8> {
    match u32::from(c) {
        code @ (0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) => u8::try_from(code).ok(),
        code @ 0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        code @ 0x121..=0x142 => u8::try_from(code - 0x121 + 0x7F).ok(),
        0x143 => Some(0xAD),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn decoded(alphabet: Alphabet, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        alphabet.decode(text, &mut out);
        out
    }

    #[test]
    fn the_byte_alphabet_is_a_bijection() {
        let library = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
        let bytes: BTreeSet<u8> = library.iter().filter_map(|&c| byte_of(c)).collect();
        assert_eq!((library.len(), bytes.len()), (256, 256));
        assert_eq!(decoded(Alphabet::ByteLevel, "ĠhiĊ"), b" hi\n");
        assert_eq!(decoded(Alphabet::ByteLevel, "Ġ文"), "Ġ文".as_bytes(), "not encoded");
    }

    #[test]
    fn pieces_encode_spaces_and_bytes() {
        assert_eq!(decoded(Alphabet::Pieces, "▁the"), b" the");
        assert_eq!(decoded(Alphabet::Pieces, "<0x0A>"), b"\n");
        assert_eq!(decoded(Alphabet::Pieces, "<0x0AB>"), b"<0x0AB>");
        assert_eq!(decoded(Alphabet::Pieces, "<0x+A>"), b"<0x+A>");
    }
}
