//! The final answer of a response.

use super::answer::{Answer, read};
use super::boxes::{boxes, last_joined};
use super::lexer::{Reading, lex};
use super::verdict::Found;

/// How much of a text's end is searched where there is no box.
const TAIL: usize = 1 << 16;
/// Longest text that may be an answer as a whole, in bytes.
const SHORT: usize = 300;
/// Words behind which an answer stands.
const PHRASES: &[&str] = &[
    "answer is",
    "answer is:",
    "answer:",
    "answer**:",
    "answers are",
    "answer =",
    "option is",
    "choice is",
    "答案是",
    "答案为",
    "答案：",
    "答案:",
];

/// The final answer of `text`, and how it was found.
pub(super) fn final_answer(text: &str) -> Option<(Found, String)> {
    let text = after_thoughts(text);
    let (found, unclosed) = boxes(text);
    if let Some((answer, count)) = last_joined(text, &found) {
        return Some((if count > 1 { Found::Boxes } else { Found::Boxed }, answer));
    }
    if unclosed {
        // What was cut off may be any beginning of an answer.
        return None;
    }
    let tail = end_of(text, TAIL);
    if let Some((_, behind)) = tail.rsplit_once("####") {
        let line = behind.trim().lines().next().unwrap_or_default().trim();
        return (!line.is_empty()).then(|| (Found::Hashes, line.to_owned()));
    }
    if let Some(answer) = phrase(tail) {
        return Some((Found::Phrase, answer));
    }
    let whole = text.trim();
    if whole.len() <= SHORT && !is_prose(whole) {
        return Some((Found::Whole, whole.to_owned()));
    }
    match (last_formula(tail), last_number(tail)) {
        (Some((end, formula)), number) if number.as_ref().is_none_or(|(at, _)| *at < end) => {
            Some((Found::Formula, formula.to_owned()))
        }
        (_, Some((_, number))) => Some((Found::Number, number)),
        _ => (!whole.is_empty() && whole.len() <= SHORT).then(|| (Found::Whole, whole.to_owned())),
    }
}

/// What follows the last `</think>`, unless nothing does.
fn after_thoughts(text: &str) -> &str {
    match text.rsplit_once("</think>") {
        Some((_, answer)) if !answer.trim().is_empty() => answer,
        _ => text,
    }
}

/// The last `most` bytes, or a few less.
pub(super) fn end_of(text: &str, most: usize) -> &str {
    let mut start = text.len().saturating_sub(most);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// What stands behind the last phrase that announces an answer.
fn phrase(tail: &str) -> Option<String> {
    let lower = tail.to_ascii_lowercase();
    let at = PHRASES.iter().filter_map(|phrase| lower.rfind(phrase).map(|at| at + phrase.len())).max()?;
    let answer = announced(&tail[at..]);
    (!answer.is_empty()).then_some(answer)
}

/// The answer at the beginning of `rest`.
fn announced(rest: &str) -> String {
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '*' | ':' | '：'));
    for (open, close) in [("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")] {
        if let Some(inner) = rest.strip_prefix(open)
            && let Some((formula, behind)) = inner.split_once(close)
        {
            let behind = behind.trim_start_matches([' ', '\\']);
            let percent = ["%", "percent", "pct"].iter().any(|sign| behind.starts_with(sign));
            return if percent { format!("{formula}\\%") } else { formula.to_owned() };
        }
    }
    let line = rest.lines().next().unwrap_or_default();
    let line = sentence(line).trim().trim_matches('*');
    // "The largest n is 34": what is said of something, said in words.
    if !is_prose(line) {
        return line.to_owned();
    }
    let said = line.rsplit_once(" is ").map_or(line, |(_, said)| said).trim();
    let talks = said.split_whitespace().count() > 3 && is_prose(said);
    last_number(said).filter(|_| talks).map_or_else(|| said.to_owned(), |(_, number)| number)
}

/// Up to the full stop that ends it.
fn sentence(line: &str) -> &str {
    let stop = line.match_indices('.').find(|(at, _)| {
        let behind = line[at + 1..].chars().next();
        behind.is_none_or(|c| c.is_whitespace() || c == '*')
    });
    stop.map_or(line, |(at, _)| &line[..at])
}

/// Whether a text is more than an answer: some of it is nothing but words.
fn is_prose(text: &str) -> bool {
    let Ok(lexed) = lex(text, Reading::default()) else { return false };
    read(&lexed.tokens).is_ok_and(|answer| has_words(&answer))
}

fn has_words(answer: &Answer) -> bool {
    match answer {
        Answer::Words(_) => true,
        Answer::Ordered(_, _, members)
        | Answer::Unordered(members)
        | Answer::Union(members)
        | Answer::Ratio(members) => members.iter().any(has_words),
        Answer::Assign(_, value, _) => has_words(value),
        Answer::Value(_) | Answer::Chain(..) => false,
    }
}

/// The last formula between delimiters that is more than a letter, and where it ends.
fn last_formula(tail: &str) -> Option<(usize, &str)> {
    let bytes = tail.as_bytes();
    let mut open: Option<(usize, &[u8])> = None;
    let (mut found, mut at) = (None, 0);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (mark, length): (&[u8], usize) = match rest {
            [b'$', b'$', ..] => (b"$$", 2),
            [b'$', ..] => (b"$", 1),
            [b'\\', b'(' | b'[', ..] => (&rest[1..2], 2),
            [b'\\', b')', ..] => (b"(", 2),
            [b'\\', b']', ..] => (b"[", 2),
            [b'\\', _, ..] => (b"", 2),
            _ => (b"", 1),
        };
        if !mark.is_empty() {
            match open {
                Some((start, begun)) if begun == mark => {
                    let formula = tail[start..at].trim();
                    if formula.chars().count() > 1 || formula.bytes().any(|c| c.is_ascii_digit()) {
                        found = Some((at, formula));
                    }
                    open = None;
                }
                _ => open = Some((at + length, mark)),
            }
        }
        at += length;
    }
    found
}

/// The last number with its sign, fraction and percent sign, and where it begins.
fn last_number(tail: &str) -> Option<(usize, String)> {
    let bytes = tail.as_bytes();
    let end = bytes.iter().rposition(u8::is_ascii_digit)? + 1;
    let inner = |at: usize| {
        bytes[at].is_ascii_digit()
            || (matches!(bytes[at], b'.' | b',' | b'/') && at > 0 && bytes[at - 1].is_ascii_digit())
    };
    let mut start = (0..end).rev().take_while(|at| inner(*at)).last()?;
    if start > 0 && bytes[start - 1] == b'.' {
        start -= 1;
    }
    if start > 0 && bytes[start - 1] == b'-' && (start < 2 || !bytes[start - 2].is_ascii_alphanumeric()) {
        start -= 1;
    }
    let behind = tail[end..].trim_start_matches([' ', '\\', '$']);
    let percent = ["%", "percent", "pct"].iter().any(|sign| behind.starts_with(sign));
    Some((start, format!("{}{}", &tail[start..end], if percent { "\\%" } else { "" })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_every_shape_are_found() {
        for (text, found, expected) in [
            ("<think>\\boxed{1}?</think> \\boxed{2}", Found::Boxed, "2"),
            ("He has 7.\n#### 1,072 ", Found::Hashes, "1,072"),
            ("Final Answer: The final answer is $\\frac{1}{2}$. I hope it is correct.", Found::Phrase, "\\frac{1}{2}"),
            ("We add 3. The answer is 25.", Found::Phrase, "25"),
            ("The answer is 7.5. It is late.", Found::Phrase, "7.5"),
            ("**Answer:** 406", Found::Phrase, "406"),
            ("Final answer: The largest $n$ is 34.", Found::Phrase, "34"),
            ("Final Answer: Ann began to read 3 hours ago.", Found::Phrase, "3"),
            ("The correct option is (C).", Found::Phrase, "(C)"),
            ("7,425,000", Found::Whole, "7,425,000"),
            ("28 percent", Found::Whole, "28 percent"),
            ("Therefore $x \\geq 5$ is the solution.", Found::Formula, "x \\geq 5"),
            ("First compute 6*7.\n42", Found::Number, "42"),
            ("So it grows by 100%.", Found::Number, "100\\%"),
            ("We see that it is -1/2 at last", Found::Number, "-1/2"),
            ("none", Found::Whole, "none"),
        ] {
            assert_eq!(final_answer(text), Some((found, expected.to_owned())), "{text}");
        }
        for text in ["", "  ", "so \\boxed{10", "####"] {
            assert_eq!(final_answer(text), None, "{text}");
        }
    }
}
