//! Normalizes the text of an answer as Qwen's evaluation does.

use super::numbers::number_from_words;
use super::unit_words::UNIT_WORDS;

/// Replaced first.
const SPELLINGS: [(&str, &str); 9] = [
    ("tfrac", "frac"),
    ("dfrac", "frac"),
    ("\\neq", "\\ne"),
    ("\\leq", "\\le"),
    ("\\geq", "\\ge"),
    ("\\left", ""),
    ("\\right", ""),
    ("\\{", "{"),
    ("\\}", "}"),
];

/// Removed after the units.
const DELIMITERS: [(&str, &str); 6] =
    [("^{\\circ}", ""), ("^\\circ", ""), ("\\$", ""), ("$", ""), ("\\(", ""), ("\\)", "")];

/// Replaced after numbers in words.
const NAMES_AND_SYMBOLS: [(&str, &str); 16] = [
    ("x=", ""),
    ("y=", ""),
    ("z=", ""),
    ("x\\in", ""),
    ("y\\in", ""),
    ("z\\in", ""),
    ("x\\to", ""),
    ("y\\to", ""),
    ("z\\to", ""),
    ("\\emptyset", "{}"),
    ("(-\\infty,\\infty)", "\\mathbb{R}"),
    ("\\%", ""),
    ("%", ""),
    (" .", " 0."),
    ("{.", "{0."),
    ("infinity", "\\infty"),
];

/// The normal form. The order of the replacements is that of the original, since each sees the result of those before it.
pub(super) fn normalized(text: &str) -> String {
    let mut text = text.trim().replace('\n', "").trim_end_matches('.').replace("\\!", "");
    text = arrays_as_matrices(&text).replace("\\end{array}", "\\end{pmatrix}").replace("bmatrix", "pmatrix");
    text = replace_all(text, &SPELLINGS);
    if let Some(at) = text.find("\\text{").filter(|at| text.ends_with('}') && !text[..*at].trim().is_empty()) {
        text = text[..at].trim().to_owned();
    }
    text = replace_all(without_units(&text), &DELIMITERS);
    text = number_from_words(&text).unwrap_or(text);
    text = without_wrapper(&text, "\\text{", WrappedText::Keep);
    text = replace_all(text, &NAMES_AND_SYMBOLS);
    if !text.contains("\\infty") {
        text = text.replace("inf", "\\infty");
    }
    text = without_wrapper(&text.replace("and", "").replace("\\mathbf", ""), "\\mbox{", WrappedText::Remove);
    if text.contains('j') && !text.contains('i') {
        text = text.replace('j', "i");
    }
    with_latex_fractions(&without_decimal_zeros(&text))
}

/// The last replacements, which the original skips for an empty text.
fn with_latex_fractions(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut text = if text.starts_with('.') { format!("0{text}") } else { text.to_owned() };
    if let Some((name, value)) = text.split_once('=')
        && !value.contains('=')
        && name.chars().count() <= 2
    {
        text = value.to_owned();
    }
    slash_as_fraction(&braced_fractions(&braced_roots(&text).replace(' ', "")))
}

fn replace_all(text: String, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

/// Replaces `\begin{array}{…}` by the beginning of a matrix.
fn arrays_as_matrices(text: &str) -> String {
    const OPEN: &str = "\\begin{array}{";
    let mut parts = text.split(OPEN);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            Some((_, rest)) => out = out + "\\begin{pmatrix}" + rest,
            None => out = out + OPEN + part,
        }
    }
    out
}

/// Whether the argument of a removed command is kept.
#[derive(Clone, Copy, PartialEq)]
enum WrappedText {
    Keep,
    Remove,
}

/// The text without the command `open`, such as `\text{`, and the brace that closes it.
fn without_wrapper(text: &str, open: &str, wrapped: WrappedText) -> String {
    let mut parts = text.split(open);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            Some((inner, rest)) => out = out + if wrapped == WrappedText::Keep { inner } else { "" } + rest,
            None => out = out + open + part,
        }
    }
    out
}

/// Removes the units that are whole words, in two passes over all units as the original does.
fn without_units(text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let plural = |unit: &str| format!("{unit}s");
    let all: Vec<Vec<char>> = UNIT_WORDS
        .iter()
        .map(|unit| (*unit).to_owned())
        .chain(UNIT_WORDS.iter().map(|unit| plural(unit)))
        .map(|unit| unit.chars().collect())
        .collect();
    for _ in 0..2 {
        for unit in &all {
            // Skips most units cheaply, since they do not occur.
            if unit[0] != '.' && !chars.contains(&unit[0]) {
                continue;
            }
            let left = without_unit(&chars, unit);
            if !left.is_empty() {
                chars = left;
            }
        }
    }
    chars.into_iter().collect()
}

/// Removes a unit, unless a letter or digit precedes or follows it.
fn without_unit(chars: &[char], unit: &[char]) -> Vec<char> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let fits = |at: usize| {
        chars.len() >= at + unit.len()
            && unit.iter().zip(&chars[at..]).all(|(one, other)| *one == '.' || one == other)
            && chars.get(at + unit.len()).is_none_or(|c| !word(*c))
    };
    let mut out = Vec::with_capacity(chars.len());
    let mut at = 0;
    while at < chars.len() {
        // As in the original's regular expression, the characters before and after a unit are part of the match, so they cannot be
        // part of the next one. Both are kept.
        let start = if at == 0 && fits(0) {
            Some(0)
        } else if !word(chars[at]) && fits(at + 1) {
            out.push(chars[at]);
            Some(at + 1)
        } else {
            None
        };
        match start {
            Some(start) => {
                at = start + unit.len();
                if at < chars.len() {
                    out.push(chars[at]);
                    at += 1;
                }
            }
            None => {
                out.push(chars[at]);
                at += 1;
            }
        }
    }
    out
}

/// Shortens `5.00` to `5`, unless a digit other than 0 follows.
fn without_decimal_zeros(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        if chars[at] == '.' && at > 0 && chars[at - 1].is_ascii_digit() {
            let zeros = chars[at + 1..].iter().take_while(|c| **c == '0').count();
            if chars.get(at + 1 + zeros).is_none_or(|c| !c.is_ascii_digit()) {
                at += 1 + zeros;
                continue;
            }
        }
        out.push(chars[at]);
        at += 1;
    }
    out
}

/// Writes `\sqrt12` as `\sqrt{12}`.
fn braced_roots(text: &str) -> String {
    let mut parts = text.split("\\sqrt");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(part.len());
        let (word, rest) = part.split_at(end);
        out += "\\sqrt";
        if word.is_empty() { out += rest } else { out = format!("{out}{{{word}}}{rest}") }
    }
    out
}

/// Writes `\frac12` as `\frac{1}{2}`.
fn braced_fractions(text: &str) -> String {
    let mut parts = text.split("\\frac");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += "\\frac";
        if part.starts_with('{') {
            out += part;
            continue;
        }
        let mut chars = part.chars();
        let (Some(over), Some(under)) = (chars.next(), chars.next()) else { return text.to_owned() };
        let rest = chars.as_str();
        out += &if under == '{' { format!("{{{over}}}{{{rest}") } else { format!("{{{over}}}{{{under}}}{rest}") };
    }
    out
}

/// Writes `a/b` as a fraction, where both sides are whole numbers or have roots.
fn slash_as_fraction(text: &str) -> String {
    let Some((over, under)) = text.split_once('/') else { return text.to_owned() };
    let fits = |part: &str| part.contains("sqrt") || part.parse::<i64>().is_ok_and(|number| number.to_string() == part);
    if under.contains('/') || !fits(over) || !fits(under) {
        return text.to_owned();
    }
    format!("\\frac{{{over}}}{{{under}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        for (text, expected) in [
            ("\\dfrac34", "\\frac{3}{4}"),
            ("3/4", "\\frac{3}{4}"),
            ("5\\text{ cm}", "5"),
            ("5 cm", "5"),
            ("k = 7", "7"),
            ("007", "7"),
            ("12.50\\%", "12.50"),
            ("3.0", "3"),
            ("90^\\circ", "90"),
            ("\\text{north}", "north"),
            ("\\sqrt2", "\\sqrt{2}"),
            ("\\left[1,2\\right)", "[1,2)"),
            ("east", "east"),
        ] {
            assert_eq!(normalized(text), expected, "{text}");
        }
    }
}
