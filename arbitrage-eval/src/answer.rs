//! The final answer of a worked solution.

/// The answer that `text` ends in: the contents of the last complete `\boxed{…}`, braces counted; without one, the last
/// number. `None` when there is neither.
///
/// ```
/// use arbitrage_eval::answer::final_answer;
/// assert_eq!(final_answer(r"so \boxed{\frac{1}{2}}."), Some(r"\frac{1}{2}"));
/// assert_eq!(final_answer("She has 1,250 left."), Some("1,250"));
/// assert_eq!(final_answer("No idea"), None);
/// ```
pub fn final_answer(text: &str) -> Option<&str> {
    last_boxed(text).or_else(|| last_number(text))
}

/// Contents of the last `\boxed{…}` whose braces close.
fn last_boxed(text: &str) -> Option<&str> {
    const OPEN: &str = r"\boxed{";
    text.rmatch_indices(OPEN).find_map(|(at, _)| {
        let inner = &text[at + OPEN.len()..];
        let mut depth = 1usize;
        let end = inner.bytes().position(|byte| {
            depth = match byte {
                b'{' => depth + 1,
                b'}' => depth - 1,
                _ => depth,
            };
            depth == 0
        })?;
        Some(inner[..end].trim())
    })
}

/// The last run of digits, with sign, separators and a decimal part.
fn last_number(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let end = bytes.iter().rposition(u8::is_ascii_digit)? + 1;
    let inner = |at: usize| {
        bytes[at].is_ascii_digit() || (matches!(bytes[at], b'.' | b',') && at > 0 && bytes[at - 1].is_ascii_digit())
    };
    let start = (0..end).rev().take_while(|&at| inner(at)).last()?;
    let signed = start > 0 && bytes[start - 1] == b'-' && (start < 2 || !bytes[start - 2].is_ascii_alphanumeric());
    Some(&text[start - usize::from(signed)..end])
}

/// Whether two short answers are the same number, or else the same text but for white space, currency and full stops.
///
/// This serves word problems with a numeric answer (GSM8K); expressions are compared as text.
///
/// ```
/// use arbitrage_eval::answer::same_answer;
/// assert!(same_answer("$1,250.00", "1250"));
/// assert!(!same_answer("12.5", "125"));
/// ```
pub fn same_answer(one: &str, other: &str) -> bool {
    let (one, other) = (normalise(one), normalise(other));
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => !one.is_empty() && one == other,
    }
}

fn normalise(answer: &str) -> String {
    let text = answer.replace(r"\%", "").replace(r"\$", "").replace(r"\text", "").replace(r"\,", "");
    let kept: String =
        text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '$' | ',' | '%' | '{' | '}')).collect();
    let kept = kept.trim_end_matches('.');
    let number = kept.trim_end_matches(|c: char| c.is_alphabetic());
    if number.parse::<f64>().is_ok() { number.to_owned() } else { kept.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_box_that_closes_wins() {
        for (text, answer) in [
            (r"\boxed{1} then \boxed{2}", Some("2")),
            (r"\boxed{1} then \boxed{2", Some("1")),
            (r"\boxed{\{1, 2\}}", Some(r"\{1, 2\}")),
            ("costs -3.5 dollars", Some("-3.5")),
            ("a 3-4 split", Some("4")),
            ("total: 12,000.", Some("12,000")),
            ("", None),
        ] {
            assert_eq!(final_answer(text), answer, "{text}");
        }
    }

    #[test]
    fn numbers_compare_as_numbers() {
        for (one, other, same) in [
            ("18", "18.0", true),
            ("$18", "18", true),
            (r"\$1{,}000", "1000", true),
            ("5 hours", "5", true),
            ("x+1", "X + 1", true),
            ("18", "81", false),
            ("", "", false),
            ("1e3", "1000", true),
        ] {
            assert_eq!(same_answer(one, other), same, "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*|[\\\\{}boxed0-9.,-]*") {
            if let Some(answer) = final_answer(&text) {
                prop_assert!(text.contains(answer));
                same_answer(answer, &text);
            }
        }
    }
}
