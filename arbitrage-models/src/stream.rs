//! Incremental detokenization.
//!
//! A character may be split across tokens, so [`TextStream`] returns text only when all bytes of a character are there. All text
//! that it has returned, together with what [`TextStream::finish`] adds, is what [`Tokenizer::decode`] gives for all ids at once.

use crate::error::Result;
use crate::tokenizer::Tokenizer;

/// Decodes ids one at a time, and buffers the bytes of an incomplete character (at most three).
///
/// ```
/// use arbitrage_models::stream::TextStream;
///
/// let mut stream = TextStream::new();
/// assert_eq!(stream.push_bytes(b"caf\xC3"), "caf");
/// assert_eq!(stream.push_bytes(b"\xA9!"), "é!");
/// assert_eq!(stream.finish(), "");
/// assert_eq!(stream.text(), "café!");
/// ```
#[derive(Debug, Clone, Default)]
pub struct TextStream {
    text: String,
    incomplete: Vec<u8>,
}

impl TextStream {
    /// A stream without text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next token and returns the text that it completes, which may be empty.
    ///
    /// Control tokens and padding add nothing, as in [`Tokenizer::decode`].
    ///
    /// # Errors
    /// [`crate::error::Error::Tokenizer`] for an id at or past [`Tokenizer::vocab_size`]; the stream is then unchanged.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32) -> Result<&str> {
        let bytes = tokenizer.text_bytes(id)?;
        Ok(self.push_bytes(bytes))
    }

    /// Adds the next bytes and returns the text that they complete. Bytes that cannot belong to a character become U+FFFD, one for
    /// each maximal part of a valid sequence (as in [`String::from_utf8_lossy`]).
    pub fn push_bytes(&mut self, bytes: &[u8]) -> &str {
        let start = self.text.len();
        self.incomplete.extend_from_slice(bytes);
        let mut rest = self.incomplete.as_slice();
        loop {
            let error = match std::str::from_utf8(rest) {
                Ok(valid) => {
                    self.text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => error,
            };
            let (valid, after) = rest.split_at(error.valid_up_to());
            self.text.push_str(&String::from_utf8_lossy(valid));
            rest = after;
            let Some(bad) = error.error_len() else { break };
            self.text.push(char::REPLACEMENT_CHARACTER);
            rest = &rest[bad..];
        }
        let left = rest.len();
        self.incomplete.drain(..self.incomplete.len() - left);
        &self.text[start..]
    }

    /// All text that has been returned.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether bytes of an incomplete character are buffered.
    pub fn is_holding(&self) -> bool {
        !self.incomplete.is_empty()
    }

    /// Ends the stream: returns U+FFFD for an incomplete character, otherwise nothing.
    pub fn finish(&mut self) -> &str {
        let start = self.text.len();
        if !self.incomplete.is_empty() {
            self.incomplete.clear();
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        &self.text[start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_returned_when_its_characters_are_complete() {
        type Case<'a> = (&'a [&'a [u8]], &'a [&'a str], &'a str);
        let cases: &[Case<'_>] = &[
            (&[b"a", b"b"], &["a", "b"], ""),
            (&[b"\xF0\x9F", b"\x98", b"\x80."], &["", "", "😀."], ""),
            (&[b"\xF0\x9F\x98"], &[""], "\u{FFFD}"),
            (&[b"\xC3", b"("], &["", "\u{FFFD}("], ""),
            (&[b"\xFFa\xE2\x82"], &["\u{FFFD}a"], "\u{FFFD}"),
            (&[b".\n", b"\nNext"], &[".\n", "\nNext"], ""),
            (&[b"", b""], &["", ""], ""),
        ];
        for (pushed, expected, last) in cases {
            let mut stream = TextStream::new();
            for (bytes, text) in pushed.iter().zip(*expected) {
                assert_eq!(stream.push_bytes(bytes), *text);
            }
            assert_eq!(stream.finish(), *last);
            assert!(!stream.is_holding());
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_text_of_the_whole(
            pieces in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..6),
                    "\\PC{0,4}".prop_map(String::into_bytes),
                    prop::sample::select(vec![vec![0xF0, 0x9F], vec![0x98, 0x80], vec![0xE2], vec![0xED, 0xA0, 0x80]]),
                ],
                0..40,
            )
        ) {
            let mut stream = TextStream::new();
            let mut streamed = String::new();
            for piece in &pieces {
                streamed.push_str(stream.push_bytes(piece));
                prop_assert!(stream.incomplete.len() < 4);
            }
            streamed.push_str(stream.finish());
            let whole = pieces.concat();
            prop_assert_eq!(&streamed, &String::from_utf8_lossy(&whole));
            prop_assert_eq!(stream.text(), streamed);
        }
    }
}
