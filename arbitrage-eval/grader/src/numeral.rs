//! Reads written numbers: thousands separators, decimals, repeating decimals and powers of ten.

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

use super::limits::{Abort, MAX_DECIMAL_EXPONENT, MAX_DIGITS};

/// A number in a text.
pub(super) struct Numeral {
    pub value: RBig,
    /// Its digits and decimal point, without separators.
    pub digits: String,
    /// Whether bare commas separate its groups of digits. They may as well separate members of a list.
    pub has_thousands_commas: bool,
    /// The index of the first character after it.
    pub end: usize,
}

/// What bare commas and spaces between groups of three digits are. LaTeX's spellings, as `{,}`, always separate thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BareSeparators {
    /// They separate thousands.
    Thousands,
    /// They end the number.
    EndOfNumber,
}

/// Reads the number at index `at`, where a digit is, or a decimal point before a digit.
pub(super) fn numeral(chars: &[char], at: usize, bare: BareSeparators) -> Result<Numeral, Abort> {
    let mut end = end_of_digits(chars, at);
    let mut digits: String = chars[at..end].iter().collect();
    let mut has_thousands_commas = false;
    if (1..=3).contains(&digits.len()) {
        while let Some((group, comma)) = separator(&chars[end..], bare) {
            digits.extend(&chars[end + group..end + group + 3]);
            has_thousands_commas |= comma;
            end += group + 3;
        }
    }
    let mut fraction = String::new();
    let mut repeated = String::new();
    if chars.get(end) == Some(&'.')
        && (chars.get(end + 1).is_some_and(char::is_ascii_digit) || repeating_digits(&chars[end + 1..]).is_some())
    {
        let to = end_of_digits(chars, end + 1);
        fraction = chars[end + 1..to].iter().collect();
        end = to;
        if let Some((inner, length)) = repeating_digits(&chars[end..]) {
            repeated = inner;
            end += length;
        }
    }
    let (power, length) = exponent(&chars[end..])?;
    end += length;
    if digits.len() + fraction.len() + repeated.len() > MAX_DIGITS {
        return Err(Abort::TooComplex("digits"));
    }
    let value = value(&digits, &fraction, &repeated)? * power_of_ten(power);
    if !fraction.is_empty() {
        digits = format!("{digits}.{fraction}");
    }
    Ok(Numeral { value, digits, has_thousands_commas, end })
}

/// The end of the run of digits that starts at `at`.
fn end_of_digits(chars: &[char], at: usize) -> usize {
    at + chars[at.min(chars.len())..].iter().take_while(|c| c.is_ascii_digit()).count()
}

/// The length of a thousands separator before exactly three digits, and whether it is a bare comma.
fn separator(rest: &[char], bare: BareSeparators) -> Option<(usize, bool)> {
    const LATEX: [&[char]; 7] =
        [&['{', ',', '}'], &['\\', ',', '\\', '!'], &['\\', ','], &['\\', ' '], &['\\', ';'], &['\\', ':'], &['~']];
    let three = |from: usize| end_of_digits(rest, from) == from + 3;
    let blank = |from: usize| from + rest[from..].iter().take_while(|c| **c == ' ').count();
    let kern = |at: usize| rest[at..].starts_with(&['\\', '!']) || rest[at..].starts_with(&['\\', ',']);
    let first = *rest.first()?;
    let comma = (first == ',').then(|| blank(1)).filter(|at| kern(*at)).map(|at| at + 2);
    let latex = LATEX.iter().find(|separator| rest.starts_with(separator)).map(|separator| separator.len());
    if let Some(end) = comma.or(latex) {
        return three(blank(end)).then_some((blank(end), false));
    }
    (bare == BareSeparators::Thousands && matches!(first, ',' | ' ') && three(1)).then_some((1, first == ','))
}

/// The repeating digits under a bar, and the length of the whole command.
fn repeating_digits(rest: &[char]) -> Option<(String, usize)> {
    let name = ["\\overline{", "\\bar{", "\\dot{"].into_iter().find(|name| {
        let mut expected = name.chars();
        rest.len() >= name.len() && rest.iter().take(name.len()).all(|c| expected.next() == Some(*c))
    })?;
    let end = end_of_digits(rest, name.len());
    let digits: String = rest[name.len()..end].iter().collect();
    (!digits.is_empty() && rest.get(end) == Some(&'}')).then_some((digits, end + 1))
}

/// The power of ten after an `E`, and the length of both.
fn exponent(rest: &[char]) -> Result<(i64, usize), Abort> {
    if !rest.first().is_some_and(|c| matches!(c, 'e' | 'E')) {
        return Ok((0, 0));
    }
    let signed = usize::from(rest.get(1).is_some_and(|c| matches!(c, '+' | '-')));
    let end = end_of_digits(rest, 1 + signed);
    if end == 1 + signed {
        return Ok((0, 0));
    }
    let text: String = rest[1 + signed..end].iter().collect();
    match text.parse::<i64>() {
        Ok(power) if power <= MAX_DECIMAL_EXPONENT => Ok((if rest[1] == '-' { -power } else { power }, end)),
        _ => Err(Abort::TooComplex("a power of ten")),
    }
}

/// Ten to a power whose magnitude is at most [`MAX_DECIMAL_EXPONENT`].
fn power_of_ten(power: i64) -> RBig {
    let size = UBig::from(10u8).pow(power.unsigned_abs() as usize);
    if power < 0 { RBig::from_parts(IBig::ONE, size) } else { RBig::from(size) }
}

fn value(whole: &str, fraction: &str, repeated: &str) -> Result<RBig, Abort> {
    let number = |digits: String| -> Result<UBig, Abort> {
        if digits.is_empty() { Ok(UBig::ZERO) } else { digits.parse().map_err(|_| Abort::Undefined) }
    };
    let plain = number(format!("{whole}{fraction}"))?;
    let scale = UBig::from(10u8).pow(fraction.len());
    if repeated.is_empty() {
        return Ok(RBig::from_parts(IBig::from(plain), scale));
    }
    let nines = UBig::from(10u8).pow(repeated.len()) - UBig::ONE;
    let all = number(format!("{whole}{fraction}{repeated}"))?;
    Ok(RBig::from_parts(IBig::from(all - plain), scale * nines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_spelling_are_read() {
        for (text, numerator, denominator) in [
            ("007", 7, 1),
            ("1,234,567", 1_234_567, 1),
            ("12{,}345", 12_345, 1),
            ("12,\\! 345", 12_345, 1),
            ("12, \\! 345, \\,678", 12_345_678, 1),
            ("12, 345", 12, 1),
            ("12\\,345", 12_345, 1),
            ("12 345", 12_345, 1),
            ("1,23", 1, 1),
            ("12,3456", 12, 1),
            ("1234,567", 1234, 1),
            (".25", 1, 4),
            ("0.1\\overline{6}", 1, 6),
            ("0.\\overline{3}", 1, 3),
            ("2.5E-1", 1, 4),
            ("3e2", 300, 1),
            ("3e", 3, 1),
        ] {
            let chars: Vec<char> = text.chars().collect();
            let found = numeral(&chars, 0, BareSeparators::Thousands).unwrap().value;
            assert_eq!(found, RBig::from_parts(IBig::from(numerator), UBig::from(denominator as u32)), "{text}");
        }
        for text in ["1E999999999", &"9".repeat(MAX_DIGITS + 1)] {
            let chars: Vec<char> = text.chars().collect();
            assert!(matches!(numeral(&chars, 0, BareSeparators::Thousands), Err(Abort::TooComplex(_))));
        }
    }
}
