//! The kind and the bytes of every token, by id.

use super::alphabet::Alphabet;

/// The kind of a vocabulary entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Text that the merges produce.
    Normal,
    /// A control token such as `<|im_end|>`: it adds nothing to a text and is never recognised in text that a model wrote.
    Control,
    /// Text that is matched as a whole before the merges, such as `<tool_call>`.
    Added,
    /// The token for text that the vocabulary cannot encode.
    Unknown,
    /// A row without a token, which pads the embedding to a round size.
    Padding,
}

/// A row of the vocabulary.
#[derive(Debug, Clone)]
pub(super) struct VocabularyEntry {
    /// The text, in the vocabulary's alphabet for [`TokenKind::Normal`], unencoded otherwise.
    pub text: String,
    /// Its kind.
    pub kind: TokenKind,
}

impl VocabularyEntry {
    /// A row without a token.
    pub(super) fn padding() -> Self {
        Self { text: String::new(), kind: TokenKind::Padding }
    }
}

/// The bytes of all tokens, in one allocation.
#[derive(Debug, Clone)]
pub(super) struct TokenTable {
    bytes: Vec<u8>,
    /// Token `i` is `bytes[ends[i - 1]..ends[i]]`.
    ends: Vec<u32>,
    kinds: Vec<TokenKind>,
}

impl TokenTable {
    /// Decodes every entry; `None` when their bytes exceed 4 GiB in total.
    pub(super) fn new(entries: &[VocabularyEntry], alphabet: Alphabet) -> Option<Self> {
        let mut bytes = Vec::with_capacity(entries.len() * 6);
        let mut ends = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry.kind {
                TokenKind::Normal => alphabet.decode(&entry.text, &mut bytes),
                TokenKind::Padding => {}
                TokenKind::Control | TokenKind::Added | TokenKind::Unknown => {
                    bytes.extend_from_slice(entry.text.as_bytes())
                }
            }
            ends.push(u32::try_from(bytes.len()).ok()?);
        }
        Some(Self { bytes, ends, kinds: entries.iter().map(|entry| entry.kind).collect() })
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Bytes of the longest token; 0 where there is only padding.
    pub(super) fn longest(&self) -> usize {
        let bytes = |id: usize| self.bytes(id as u32).unwrap_or_default().len();
        (0..self.len()).map(bytes).max().unwrap_or(0)
    }

    pub(super) fn kind(&self, id: u32) -> Option<TokenKind> {
        self.kinds.get(id as usize).copied()
    }

    /// The bytes of a token; `None` for padding and past the end.
    pub(super) fn bytes(&self, id: u32) -> Option<&[u8]> {
        if self.kind(id)? == TokenKind::Padding {
            return None;
        }
        let at = id as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        Some(&self.bytes[start..self.ends[at] as usize])
    }

    /// FNV-1a (64 bits) over `(id, length, bytes)` of all tokens but padding, with little-endian numbers.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut update = |part: &[u8]| {
            for &byte in part {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        };
        for id in 0..self.len() as u32 {
            if let Some(bytes) = self.bytes(id) {
                update(&id.to_le_bytes());
                update(&(bytes.len() as u32).to_le_bytes());
                update(bytes);
            }
        }
        hash
    }

    /// The first id whose bytes differ.
    pub(super) fn first_difference(&self, other: &Self) -> Option<u32> {
        (0..self.len().max(other.len()) as u32).find(|&id| self.bytes(id) != other.bytes(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(texts: &[&str], padding: usize) -> TokenTable {
        let mut entries: Vec<VocabularyEntry> =
            texts.iter().map(|text| VocabularyEntry { text: (*text).to_owned(), kind: TokenKind::Normal }).collect();
        entries.extend(std::iter::repeat_with(VocabularyEntry::padding).take(padding));
        TokenTable::new(&entries, Alphabet::ByteLevel).unwrap()
    }

    #[test]
    fn padding_does_not_count() {
        let (short, long) = (table(&["a", "Ġb"], 0), table(&["a", "Ġb"], 128));
        assert_eq!(short.fingerprint(), long.fingerprint());
        assert_eq!(short.first_difference(&long), None);
        assert_eq!((long.len(), long.bytes(1), long.bytes(2), long.bytes(500)), (130, Some(&b" b"[..]), None, None));
    }

    #[test]
    fn a_moved_boundary_changes_the_fingerprint() {
        let (one, two) = (table(&["ab", "c"], 0), table(&["a", "bc"], 0));
        assert_ne!(one.fingerprint(), two.fingerprint());
        assert_eq!(one.first_difference(&two), Some(0));
        assert_eq!(one.first_difference(&table(&["ab"], 0)), Some(1));
    }

    #[test]
    fn the_fingerprint_is_stable() {
        assert_eq!(table(&["a", "Ġb"], 3).fingerprint(), 0xcb3e_497c_133b_d012);
    }
}
