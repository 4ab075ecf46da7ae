//! Finds the letter that answers a multiple-choice question.

use super::boxes::boxes;
use super::extract::end_of;

/// Letters that label choices.
const LABELS: std::ops::RangeInclusive<u8> = b'A'..=b'J';
/// Bytes at the end of a response that are searched.
const SEARCHED_BYTES: usize = 1 << 12;
/// Phrases that are followed by the letter.
const PHRASES: &[&str] = &["answer is", "answer:", "answer**:", "option is", "choice is", "答案是", "答案为"];

/// Words that follow a letter, but seldom the article "A".
const WORDS_AFTER_LETTER: &[&str] = &["because", "since", "as", "is", "and", "or", "for"];

/// The letter that a response chooses: in its last box, after a phrase that announces it, or the last single letter.
pub(super) fn chosen_letter(text: &str) -> Option<char> {
    let (found, _) = boxes(text);
    if let Some(letter) = found.last().and_then(|last| letters(last.inner).next()) {
        return Some(letter.1);
    }
    let tail = end_of(text, SEARCHED_BYTES);
    let lower = tail.to_ascii_lowercase();
    let announced = PHRASES.iter().filter_map(|phrase| lower.rfind(phrase).map(|at| at + phrase.len())).max();
    if let Some(letter) = announced.and_then(|at| letters(&tail[at..]).next()) {
        return Some(letter.1);
    }
    letters(tail).last().map(|(_, letter)| letter)
}

/// The letter of a gold answer, which may be followed by the text of the choice.
pub(super) fn gold_letter(text: &str) -> Option<char> {
    let lower = text.to_ascii_lowercase();
    let at = lower.rfind("answer is").map_or(0, |at| at + "answer is".len());
    letters(&text[at..]).next().map(|(_, letter)| letter)
}

/// The capital letters that stand alone and label choices, with their byte offsets. The article "A" and the pronoun "I" are left out.
fn letters(text: &str) -> impl Iterator<Item = (usize, char)> {
    let bytes = text.as_bytes();
    let alone = move |at: usize| {
        let word =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\''));
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        // In `\text{E}` the letter follows a brace, while `\E` is a command.
        !word(before) && before != Some(&b'\\') && !word(bytes.get(at + 1))
    };
    let article = move |at: usize| {
        let next = text[at + 1..].strip_prefix(' ').and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        bytes[at] == b'A' && next.starts_with(|c: char| c.is_ascii_lowercase()) && !WORDS_AFTER_LETTER.contains(&next)
    };
    let fits = move |at: &usize| LABELS.contains(&bytes[*at]) && bytes[*at] != b'I' && alone(*at) && !article(*at);
    (0..bytes.len()).filter(fits).map(|at| (at, char::from(bytes[at])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letter_is_found() {
        for (text, letter) in [
            (r"\boxed{\text{(C)}}", 'C'),
            ("It is not A because of that, so I think it's B", 'B'),
            ("The correct answer is (D). I hope so.", 'D'),
            ("**Answer:** E", 'E'),
            ("A circle fits, hence C", 'C'),
        ] {
            assert_eq!(chosen_letter(text), Some(letter), "{text}");
        }
        assert_eq!(gold_letter("(D) Anna"), Some('D'));
        assert_eq!(gold_letter("Ben, and the answer is\n(C) Cora"), Some('C'));
        assert_eq!(chosen_letter("no idea"), None);
    }
}
