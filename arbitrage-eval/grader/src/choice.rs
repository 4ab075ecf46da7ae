//! The letter of a multiple choice.

use super::boxes::boxes;
use super::extract::end_of;

/// Letters that choices have.
const LETTERS: std::ops::RangeInclusive<u8> = b'A'..=b'J';
/// How much of a text's end is searched.
const TAIL: usize = 1 << 12;
/// Words behind which the letter stands.
const PHRASES: &[&str] = &["answer is", "answer:", "answer**:", "option is", "choice is", "答案是", "答案为"];

/// Words that stand behind a letter, and seldom behind the article "A".
const BEHIND: &[&str] = &["because", "since", "as", "is", "and", "or", "for"];

/// The letter that a response chooses: in its last box, behind words that announce it, or the last that stands alone.
pub(super) fn chosen(text: &str) -> Option<char> {
    let (found, _) = boxes(text);
    if let Some(letter) = found.last().and_then(|last| letters(last.inner).next()) {
        return Some(letter.1);
    }
    let tail = end_of(text, TAIL);
    let lower = tail.to_ascii_lowercase();
    let announced = PHRASES.iter().filter_map(|phrase| lower.rfind(phrase).map(|at| at + phrase.len())).max();
    if let Some(letter) = announced.and_then(|at| letters(&tail[at..]).next()) {
        return Some(letter.1);
    }
    letters(tail).last().map(|(_, letter)| letter)
}

/// The letter that a gold answer gives, perhaps with the choice's text behind it.
pub(super) fn right(text: &str) -> Option<char> {
    let lower = text.to_ascii_lowercase();
    let at = lower.rfind("answer is").map_or(0, |at| at + "answer is".len());
    letters(&text[at..]).next().map(|(_, letter)| letter)
}

/// Capital letters of choices that stand alone, with their places; neither the article "A" nor "I".
fn letters(text: &str) -> impl Iterator<Item = (usize, char)> {
    let bytes = text.as_bytes();
    let alone = move |at: usize| {
        let word =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\''));
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        // `\text{E}` has the letter behind a brace, `\E` is a command.
        !word(before) && before != Some(&b'\\') && !word(bytes.get(at + 1))
    };
    let article = move |at: usize| {
        let next = text[at + 1..].strip_prefix(' ').and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        bytes[at] == b'A' && next.starts_with(|c: char| c.is_ascii_lowercase()) && !BEHIND.contains(&next)
    };
    let fits = move |at: &usize| LETTERS.contains(&bytes[*at]) && bytes[*at] != b'I' && alone(*at) && !article(*at);
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
            assert_eq!(chosen(text), Some(letter), "{text}");
        }
        assert_eq!(right("(D) Anna"), Some('D'));
        assert_eq!(right("Ben, and the answer is\n(C) Cora"), Some('C'));
        assert_eq!(chosen("no idea"), None);
    }
}
