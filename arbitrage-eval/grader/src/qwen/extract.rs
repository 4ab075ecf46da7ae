//! Finds the answer of a response as Qwen's evaluation does.

use super::super::AnswerSource;

/// The answer of a response, before it is normalized.
pub(super) fn answer(text: &str) -> (AnswerSource, String) {
    let (found, answer) = if let Some(answer) = minerva_answer(text) {
        (AnswerSource::Phrase, answer.trim().to_owned())
    } else if let Some((_, behind)) = text.rsplit_once("boxed") {
        (AnswerSource::Boxed, box_contents(behind))
    } else if let Some((_, behind)) = text.rsplit_once("he answer is") {
        (AnswerSource::Phrase, behind.trim().to_owned())
    } else if let Some((_, behind)) = text.rsplit_once("final answer is") {
        (AnswerSource::Phrase, behind.trim().to_owned())
    } else if let Some((_, behind)) = text.split_once("答案是") {
        let first = behind.split("答案是").next().unwrap_or_default().trim();
        (AnswerSource::Phrase, first.split("\n\n").next().unwrap_or_default().trim().to_owned())
    } else {
        (AnswerSource::Number, last_number(&text.replace(',', "")))
    };
    (found, cleaned(&answer))
}

/// The answer in Minerva's format, "final answer is $…$. I hope it is correct".
fn minerva_answer(text: &str) -> Option<&str> {
    if !text.contains("$. I hope") {
        return None;
    }
    let (_, behind) = text.split_once("final answer is $")?;
    Some(behind.split_once("$. I hope").map_or(behind, |(answer, _)| answer))
}

/// The text up to the closing brace or the end. Without an opening brace, the text up to a dollar sign.
fn box_contents(behind: &str) -> String {
    let Some(inner) = behind.strip_prefix('{') else {
        return behind.split('$').next().unwrap_or_default().trim().to_owned();
    };
    let mut depth = 1usize;
    let end = inner.bytes().position(|byte| {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    inner[..end.unwrap_or(inner.len())].to_owned()
}

/// The answer without line breaks and the indentation after them, a leading colon, and a final full stop and slash.
fn cleaned(answer: &str) -> String {
    let mut lines = answer.split('\n');
    let mut text = lines.next().unwrap_or_default().to_owned();
    lines.for_each(|line| text += line.trim_start());
    let text = text.strip_prefix(':').unwrap_or(&text);
    let text = text.strip_suffix('.').unwrap_or(text);
    text.strip_suffix('/').unwrap_or(text).to_owned()
}

/// The last number, where numbers are matched from left to right.
fn last_number(text: &str) -> String {
    let bytes = text.as_bytes();
    let run = |at: usize| at + bytes[at.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (mut last, mut at) = ("", 0);
    while at < bytes.len() {
        let unsigned = at + usize::from(bytes[at] == b'-');
        let whole = run(unsigned);
        let decimals = if bytes.get(whole) == Some(&b'.') { run(whole + 1) } else { whole };
        let end = if decimals > whole + 1 { decimals } else { whole };
        if end > unsigned {
            last = &text[at..end];
            at = end;
        } else {
            at += 1;
        }
    }
    last.to_owned()
}

/// The letter that a response to a multiple-choice question chooses.
pub(super) fn choice(text: &str) -> String {
    const TRIGGERS: [&str; 2] = ["choice is", "answer is"];
    let mut text = text.trim_matches('\n');
    if TRIGGERS.iter().any(|trigger| text.matches(trigger).count() > 1) {
        text = text.split("\n\n").next().unwrap_or_default();
    }
    let last = TRIGGERS.iter().filter_map(|trigger| text.rfind(trigger).map(|at| at + trigger.len())).max();
    let text = &text[last.unwrap_or(0)..];
    let text =
        text.trim_matches('\n').trim_end_matches('.').trim_end_matches('/').trim_matches(' ').trim_start_matches(':');
    let upper = text.to_uppercase();
    let mut letters = choice_letters(&upper);
    let found = if last.is_some() { letters.next() } else { letters.next_back() };
    let found = found.map_or_else(|| text.trim().trim_matches('.').to_owned(), String::from);
    found.trim_end_matches('.').trim_end_matches('/').to_owned()
}

/// Single letters from A to E.
pub(super) fn choice_letters(upper: &str) -> impl DoubleEndedIterator<Item = char> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    upper
        .char_indices()
        .filter(move |(at, c)| {
            let before = upper[..*at].chars().next_back().is_some_and(word);
            let behind = upper[at + c.len_utf8()..].chars().next().is_some_and(word);
            ('A'..='E').contains(c) && !before && !behind
        })
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_found_as_qwen_does() {
        for (text, expected) in [
            ("\\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
            ("\\boxed{12", "12"),
            ("The final answer is $3$. I hope it is correct.", "3"),
            ("The answer is 5.", "5"),
            ("costs -3.5 and 1,250 in all", "1250"),
            ("nothing", ""),
        ] {
            assert_eq!(answer(text).1, expected, "{text}");
        }
        assert_eq!(choice("the answer is (B), not C"), "B");
        assert_eq!(choice("not A, rather D"), "D");
    }
}
