//! Which tokens are control tokens, whatever the file says they are.
//!
//! Files often mark control tokens as ordinary text or as text that is matched as a whole. Read so, a prompt's `<|im_end|>` would
//! become ten characters that the model has never seen in this place, or a text of a user could end its turn.

use super::alphabet::byte_piece;
use super::ends;
use super::table::{TokenKind, VocabularyEntry};
use std::collections::HashSet;

/// Tokens of the form `<|…|>` or `<｜…｜>` are control tokens even where a file does not mark them so.
pub(super) fn looks_like_control(text: &str) -> bool {
    MARKS
        .iter()
        .any(|(start, end)| text.len() > start.len() + end.len() && text.starts_with(start) && text.ends_with(end))
}

/// Names of control tokens that begin a text or a turn, of models whose names do not look alike.
#[cfg(feature = "remote")]
const BEGINNINGS: &[&str] = &["<s>", "<bos>", "<start_of_turn>"];
/// Longest part of a text that is taken for a name, in characters.
#[cfg(feature = "remote")]
const MAX_NAME_CHARS: usize = 64;

/// The first part of `text` that is probably the name of a control token, where no vocabulary says which names there are.
#[cfg(feature = "remote")]
pub(crate) fn find_probable_control(text: &str) -> Option<&str> {
    let known = || {
        ends::WELL_KNOWN.iter().chain(BEGINNINGS).find_map(|name| text.find(name).map(|at| &text[at..at + name.len()]))
    };
    let between = |(start, end): (&str, &str)| {
        text.match_indices(start).find_map(|(at, _)| {
            let rest = &text[at..];
            let rest = rest.char_indices().nth(MAX_NAME_CHARS).map_or(rest, |(len, _)| &rest[..len]);
            let name = &rest[..start.len() + rest[start.len()..].find(end)? + end.len()];
            (looks_like_control(name) && !name.contains(char::is_whitespace)).then_some(name)
        })
    };
    known().or_else(|| MARKS.into_iter().find_map(between))
}

/// What the names of most control tokens begin and end with.
const MARKS: [(&str, &str); 2] = [("<|", "|>"), ("<｜", "｜>")];

/// Makes control tokens of the entries that look like one, that have the name of a well-known end, or whose id is one of
/// `designated`: those that the file says begin or end a text.
///
/// An entry that the merges produce from text stays text, since the model was trained to read it so.
pub(super) fn mark_controls(entries: &mut [VocabularyEntry], designated: &[u32], merges: &[(String, String)]) {
    let designated: HashSet<u32> = designated.iter().copied().collect();
    let is_candidate = |(id, entry): &(usize, &VocabularyEntry)| {
        let text = entry.text.as_str();
        // A model may end its text at an ordinary character, such as a newline.
        let is_character = text.chars().nth(1).is_none() || byte_piece(text).is_some();
        let designated = designated.contains(&(*id as u32)) && !is_character;
        let needed = designated || ends::WELL_KNOWN.contains(&text);
        match entry.kind {
            TokenKind::Normal | TokenKind::Added => needed || looks_like_control(text),
            // Files call rows without a token unused, and sometimes an end of text too.
            TokenKind::Padding => needed,
            TokenKind::Control | TokenKind::Unknown => false,
        }
    };
    let candidates: Vec<usize> = entries.iter().enumerate().filter(is_candidate).map(|(id, _)| id).collect();
    let merged = merged(entries, &candidates, merges);
    for id in candidates {
        let entry = &mut entries[id];
        if entry.kind != TokenKind::Normal || !merged.contains(&entry.text) {
            entry.kind = TokenKind::Control;
        }
    }
}

/// The texts of the `candidates` that a merge produces.
fn merged(entries: &[VocabularyEntry], candidates: &[usize], merges: &[(String, String)]) -> HashSet<String> {
    let normal = candidates.iter().map(|&id| &entries[id]).filter(|entry| entry.kind == TokenKind::Normal);
    let texts: HashSet<&str> = normal.map(|entry| entry.text.as_str()).collect();
    let lengths: HashSet<usize> = texts.iter().map(|text| text.len()).collect();
    let of_length = merges.iter().filter(|(left, right)| lengths.contains(&(left.len() + right.len())));
    of_length.map(|(left, right)| format!("{left}{right}")).filter(|text| texts.contains(text.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(entries: &[(&str, TokenKind)], designated: &[u32], merges: &[(&str, &str)]) -> Vec<TokenKind> {
        let entry = |&(text, kind): &(&str, TokenKind)| VocabularyEntry { text: text.to_owned(), kind };
        let mut entries: Vec<_> = entries.iter().map(entry).collect();
        let merges: Vec<_> = merges.iter().map(|(left, right)| ((*left).to_owned(), (*right).to_owned())).collect();
        mark_controls(&mut entries, designated, &merges);
        entries.into_iter().map(|entry| entry.kind).collect()
    }

    #[cfg(feature = "remote")]
    #[test]
    fn probable_names_are_found_without_a_vocabulary() {
        for (text, name) in [
            ("a <b> c", None),
            ("x <| y |> z", None),
            ("<||>", None),
            ("a<|im_end|>b", Some("<|im_end|>")),
            ("<｜User｜>", Some("<｜User｜>")),
            ("<|<|im_end|>", Some("<|im_end|>")),
            ("a </s>", Some("</s>")),
            ("<start_of_turn>user", Some("<start_of_turn>")),
        ] {
            assert_eq!(find_probable_control(text), name, "{text}");
        }
    }

    #[test]
    fn marks_are_control_whatever_their_type_and_texts_are_not() {
        use TokenKind::{Added, Control, Normal, Padding};
        let entries = [
            ("<|im_end|>", Normal),
            ("<｜User｜>", Added),
            ("<think>", Added),
            ("[END]", Normal),
            ("Ċ", Normal),
            ("<0x0A>", Normal),
            ("</s>", Normal),
            ("<|>|>", Normal),
            ("[EOT]", Added),
            ("<|unused_1|>", Padding),
            ("<|end|>", Padding),
            ("", Padding),
        ];
        let kinds = kinds(&entries, &[3, 4, 5], &[("</", "s>"), ("<|>", "|>")]);
        assert_eq!(
            kinds,
            [Control, Control, Added, Control, Normal, Normal, Normal, Normal, Control, Padding, Control, Padding]
        );
    }
}
