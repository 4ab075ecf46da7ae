//! Numbers as Python's `float` reads them, and numbers in words.

/// A number as Python's `float` reads it, which allows underscores between digits.
pub(super) fn float(text: &str) -> Option<f64> {
    let text = text.trim();
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let joined = |at: usize| bytes[at] != b'_' || (digit(at.checked_sub(1)) && digit(Some(at + 1)));
    if !(0..bytes.len()).all(joined) {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// A number that may have commas anywhere, and a percent sign, which divides it by 100.
pub(super) fn parse_number(text: &str) -> Option<f64> {
    let text = text.replace(',', "");
    float(&text).or_else(|| {
        let text = text.strip_suffix('%')?;
        Some(float(text.strip_suffix('\\').unwrap_or(text))? / 100.0)
    })
}

const UNITS_AND_TEENS: &[&str] = &[
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: &[&str] = &["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const LARGE_NUMBERS: &[(&str, u64)] = &[("thousand", 1_000), ("million", 1_000_000), ("billion", 1_000_000_000)];

/// The number that the number words of a text form, where other words are skipped, or the number that a text of digits is.
pub(super) fn number_from_words(text: &str) -> Option<String> {
    let text = text.replace('-', " ").to_lowercase();
    if !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) {
        let number = text.trim_start_matches('0');
        return Some(if number.is_empty() { "0".to_owned() } else { number.to_owned() });
    }
    let (mut total, mut group, mut any) = (0u64, 0u64, false);
    for word in text.split_whitespace() {
        let index_in = |table: &[&str]| table.iter().position(|entry| *entry == word).map(|at| at as u64);
        if let Some(value) = index_in(UNITS_AND_TEENS).or_else(|| Some(20 + 10 * index_in(TENS)?)) {
            group = group.checked_add(value)?;
        } else if word == "hundred" {
            group = group.max(1).checked_mul(100)?;
        } else if let Some((_, size)) = LARGE_NUMBERS.iter().find(|(name, _)| *name == word) {
            total = total.checked_add(group.max(1).checked_mul(*size)?)?;
            group = 0;
        } else {
            continue;
        }
        any = true;
    }
    any.then(|| total.checked_add(group).map(|sum| sum.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_python_does() {
        for (text, value) in
            [("1_000", Some(1000.0)), ("_1", None), ("1,2", Some(12.0)), ("50\\%", Some(0.5)), ("x", None), ("", None)]
        {
            assert_eq!(parse_number(text), value, "{text}");
        }
        for (text, words) in
            [("007", Some("7")), ("Twenty-five", Some("25")), ("two thousand one", Some("2001")), ("x", None)]
        {
            assert_eq!(number_from_words(text).as_deref(), words, "{text}");
        }
    }
}
