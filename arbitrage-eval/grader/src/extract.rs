//! Finds the final answer of a response.

use super::answer::{ParsedAnswer, parse_answer};
use super::boxes::{boxes, last_joined};
use super::lexer::{LexOptions, lex};
use super::verdict::AnswerSource;

/// Bytes at the end of a response that are searched where there is no box.
const SEARCHED_BYTES: usize = 1 << 16;
/// Longest response that may be an answer as a whole, in bytes.
const MAX_WHOLE_BYTES: usize = 300;
/// Phrases that are followed by the answer.
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

/// The final answer of `text`, and where it was found.
pub(super) fn final_answer(text: &str) -> Option<(AnswerSource, String)> {
    let text = after_thinking(text);
    let (found, unclosed) = boxes(text);
    if let Some((answer, count)) = last_joined(text, &found) {
        return Some((if count > 1 { AnswerSource::Boxes } else { AnswerSource::Boxed }, answer));
    }
    if unclosed {
        // The box was cut off, so what it holds may be only a part of the answer.
        return None;
    }
    let tail = end_of(text, SEARCHED_BYTES);
    if let Some((_, behind)) = tail.rsplit_once("####") {
        let line = behind.trim().lines().next().unwrap_or_default().trim();
        return (!line.is_empty()).then(|| (AnswerSource::Hashes, line.to_owned()));
    }
    if let Some(answer) = after_phrase(tail) {
        return Some((AnswerSource::Phrase, answer));
    }
    let whole = text.trim();
    if whole.len() <= MAX_WHOLE_BYTES && !is_prose(whole) {
        return Some((AnswerSource::Whole, whole.to_owned()));
    }
    match (last_formula(tail), last_number(tail)) {
        (Some((end, formula)), number) if number.as_ref().is_none_or(|(at, _)| *at < end) => {
            Some((AnswerSource::Formula, formula.to_owned()))
        }
        (_, Some((_, number))) => Some((AnswerSource::Number, number)),
        _ => (!whole.is_empty() && whole.len() <= MAX_WHOLE_BYTES).then(|| (AnswerSource::Whole, whole.to_owned())),
    }
}

/// The text after the last `</think>`, or the whole text where nothing follows it.
fn after_thinking(text: &str) -> &str {
    match text.rsplit_once("</think>") {
        Some((_, answer)) if !answer.trim().is_empty() => answer,
        _ => text,
    }
}

/// At most the last `max_bytes` of a text, cut between characters.
pub(super) fn end_of(text: &str, max_bytes: usize) -> &str {
    let mut start = text.len().saturating_sub(max_bytes);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// The answer after the last phrase that announces one.
fn after_phrase(tail: &str) -> Option<String> {
    let lower = tail.to_ascii_lowercase();
    let at = PHRASES.iter().filter_map(|phrase| lower.rfind(phrase).map(|at| at + phrase.len())).max()?;
    let answer = announced(&tail[at..]);
    (!answer.is_empty()).then_some(answer)
}

/// The answer at the beginning of the text that follows the phrase.
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
    let line = first_sentence(line).trim().trim_matches('*');
    if !is_prose(line) {
        return line.to_owned();
    }
    // A sentence: "The largest n is 34", or "Ann began to read 3 hours ago".
    let predicate = line.rsplit_once(" is ").map_or(line, |(_, predicate)| predicate).trim();
    let is_sentence = predicate.split_whitespace().count() > 3 && is_prose(predicate);
    last_number(predicate).filter(|_| is_sentence).map_or_else(|| predicate.to_owned(), |(_, number)| number)
}

/// The line up to the full stop that ends its first sentence.
fn first_sentence(line: &str) -> &str {
    let stop = line.match_indices('.').find(|(at, _)| {
        let behind = line[at + 1..].chars().next();
        behind.is_none_or(|c| c.is_whitespace() || c == '*')
    });
    stop.map_or(line, |(at, _)| &line[..at])
}

/// Whether some part of a text parses as nothing but words.
fn is_prose(text: &str) -> bool {
    let Ok(lexed) = lex(text, LexOptions::default()) else { return false };
    parse_answer(&lexed.tokens).is_ok_and(|answer| has_words(&answer))
}

fn has_words(answer: &ParsedAnswer) -> bool {
    use ParsedAnswer::{Assign, Chain, Ordered, Ratio, Union, Unordered, Value, Words};
    match answer {
        Words(_) => true,
        Ordered(_, _, members) | Unordered(members) | Union(members) | Ratio(members) => members.iter().any(has_words),
        Assign { value, .. } => has_words(value),
        Value(_) | Chain(_) => false,
    }
}

/// The last formula between delimiters that is more than a single letter, and the offset of its end.
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

/// The last number with its sign, fraction and percent sign, and the offset of its start.
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
            ("<think>\\boxed{1}?</think> \\boxed{2}", AnswerSource::Boxed, "2"),
            ("He has 7.\n#### 1,072 ", AnswerSource::Hashes, "1,072"),
            (
                "Final Answer: The final answer is $\\frac{1}{2}$. I hope it is correct.",
                AnswerSource::Phrase,
                "\\frac{1}{2}",
            ),
            ("We add 3. The answer is 25.", AnswerSource::Phrase, "25"),
            ("The answer is 7.5. It is late.", AnswerSource::Phrase, "7.5"),
            ("**Answer:** 406", AnswerSource::Phrase, "406"),
            ("Final answer: The largest $n$ is 34.", AnswerSource::Phrase, "34"),
            ("Final Answer: Ann began to read 3 hours ago.", AnswerSource::Phrase, "3"),
            ("The correct option is (C).", AnswerSource::Phrase, "(C)"),
            ("7,425,000", AnswerSource::Whole, "7,425,000"),
            ("28 percent", AnswerSource::Whole, "28 percent"),
            ("Therefore $x \\geq 5$ is the solution.", AnswerSource::Formula, "x \\geq 5"),
            ("First compute 6*7.\n42", AnswerSource::Number, "42"),
            ("So it grows by 100%.", AnswerSource::Number, "100\\%"),
            ("We see that it is -1/2 at last", AnswerSource::Number, "-1/2"),
            ("none", AnswerSource::Whole, "none"),
        ] {
            assert_eq!(final_answer(text), Some((found, expected.to_owned())), "{text}");
        }
        for text in ["", "  ", "so \\boxed{10", "####"] {
            assert_eq!(final_answer(text), None, "{text}");
        }
    }
}
