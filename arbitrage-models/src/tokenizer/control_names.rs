//! Where texts of users contain the names of control tokens.

use std::collections::{BTreeSet, HashSet};

/// Roles that templates know. They may be part of a control token's name, as in `<|` + role + `|>`.
const KNOWN_ROLES: &[&str] =
    &["system", "developer", "user", "assistant", "tool", "function", "ipython", "model", "environment", "observation"];

/// Bytes that are compared before whole names are, so that a long text of `<` takes little time.
const HEAD_BYTES: usize = 4;

/// The names of a vocabulary's control tokens, arranged for searching.
#[derive(Debug, Clone, Default)]
pub(super) struct ControlNames {
    names: HashSet<String>,
    /// Their lengths in bytes.
    lengths: BTreeSet<usize>,
    first_chars: HashSet<char>,
    sorted: Vec<Vec<u8>>,
    /// Each name with its bytes reversed.
    sorted_backwards: Vec<Vec<u8>>,
}

/// Which part of a message a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessagePart {
    Role,
    Content,
}

impl ControlNames {
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let names: HashSet<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
        let mut sorted: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        sorted.sort();
        let mut sorted_backwards: Vec<Vec<u8>> = names.iter().map(|name| name.bytes().rev().collect()).collect();
        sorted_backwards.sort();
        Self {
            lengths: names.iter().map(String::len).collect(),
            first_chars: names.iter().filter_map(|name| name.chars().next()).collect(),
            sorted,
            sorted_backwards,
            names,
        }
    }

    /// The name of one character, which no mark inside it can break, that occurs in `text`.
    pub(super) fn single_character(&self, text: &str) -> Option<char> {
        text.chars().find(|c| self.first_chars.contains(c) && self.names.contains(c.encode_utf8(&mut [0; 4]) as &str))
    }

    /// The byte positions at which a mark breaks every name that `text` contains or that it could form together with the
    /// template's text before and after it; none for a text without such names.
    pub(super) fn mark_positions(&self, text: &str, part: MessagePart) -> Vec<usize> {
        let mut positions: BTreeSet<usize> = self.occurrences(text).collect();
        // Templates often trim texts, so that what counts are the first and the last characters that are no spaces.
        let start = text.len() - text.trim_start().len();
        let trimmed = text.trim();
        if self.begins_inside_a_name(trimmed) || (part == MessagePart::Role && self.could_complete_a_name(trimmed)) {
            positions.insert(start);
        }
        if self.ends_inside_a_name(trimmed) {
            positions.insert(start + trimmed.len());
        }
        positions.into_iter().collect()
    }

    /// The position after the first character of every occurrence of a name; occurrences may overlap.
    fn occurrences(&self, text: &str) -> impl Iterator<Item = usize> {
        let begins = |at: usize| {
            let rest = &text.as_bytes()[at..];
            let head = &rest[..rest.len().min(HEAD_BYTES)];
            let near = self.sorted.partition_point(|name| name.as_slice() < head);
            let has_head = self.sorted.get(near).is_some_and(|name| name.starts_with(head));
            let mut lengths = self.lengths.iter().take_while(|len| has_head || **len < HEAD_BYTES);
            lengths.any(|len| text.get(at..at + len).is_some_and(|part| self.names.contains(part)))
        };
        let candidates = text.char_indices().filter(|(_, c)| self.first_chars.contains(c));
        candidates.filter(move |(at, _)| begins(*at)).map(|(at, c)| at + c.len_utf8())
    }

    fn longest(&self) -> usize {
        self.lengths.last().copied().unwrap_or(0)
    }

    /// Whether `text` begins with the end of a name.
    fn begins_inside_a_name(&self, text: &str) -> bool {
        let part = |len: usize| -> Vec<u8> { text.as_bytes()[..len].iter().rev().copied().collect() };
        let lengths = 1..self.longest().min(text.len() + 1);
        lengths.filter(|len| text.is_char_boundary(*len)).any(|len| is_start_of(&self.sorted_backwards, &part(len)))
    }

    /// Whether `text` ends with the beginning of a name.
    fn ends_inside_a_name(&self, text: &str) -> bool {
        let starts = (1..self.longest().min(text.len() + 1)).map(|len| text.len() - len);
        starts.filter(|at| text.is_char_boundary(*at)).any(|at| is_start_of(&self.sorted, &text.as_bytes()[at..]))
    }

    /// Whether `role` is the middle of a name, so that a template which writes `<|` + role + `|>` would form that name.
    fn could_complete_a_name(&self, role: &str) -> bool {
        !role.is_empty() && !KNOWN_ROLES.contains(&role) && self.names.iter().any(|name| name.contains(role))
    }
}

/// Whether one of the `sorted` names begins with `part` and is longer.
fn is_start_of(sorted: &[Vec<u8>], part: &[u8]) -> bool {
    let from = sorted.partition_point(|name| name.as_slice() <= part);
    sorted.get(from).is_some_and(|name| name.starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, part: MessagePart) -> String {
        let names = ControlNames::new(["<|im_end|>", "<|end|>", "<s>", "<｜User｜>"].map(str::to_owned));
        let mut text = text.to_owned();
        for at in names.mark_positions(&text, part).into_iter().rev() {
            text.insert(at, '#');
        }
        text
    }

    #[test]
    fn names_and_their_parts_at_either_end_are_marked() {
        for (text, expected) in [
            ("What is 3 < 4?", "What is 3 < 4?"),
            ("a<|im_end|>b", "a<#|im_end|>b"),
            ("<s><s>", "<#s><#s>"),
            ("<<s>", "<<#s>"),
            ("<｜User｜> hi", "<#｜User｜> hi"),
            ("_end|> x", "#_end|> x"),
            (" \n_end|> x", " \n#_end|> x"),
            ("x <|im_e\n", "x <|im_e#\n"),
            ("文<", "文<#"),
            ("<", "<#"),
            ("> quote", "#> quote"),
            ("", ""),
            ("  ", "  "),
            ("end", "end"),
        ] {
            assert_eq!(marked(text, MessagePart::Content), expected, "{text:?}");
        }
    }

    #[test]
    fn a_role_cannot_be_the_middle_of_a_name() {
        assert_eq!(marked("end", MessagePart::Role), "#end");
        assert_eq!(marked("critic", MessagePart::Role), "critic");
        assert_eq!(marked("user", MessagePart::Role), "user");
        assert_eq!(marked("end|><|end", MessagePart::Role), "#end|><|end#");
    }
}
