//! Spells Unicode's mathematical characters in ASCII or LaTeX.

use super::symbol_tables::{CHARACTERS, SUBSCRIPT_ZERO, SUPERSCRIPTS};

/// The characters of `text`, with mathematical characters spelled in ASCII or LaTeX.
pub(super) fn to_latex(text: &str) -> Vec<char> {
    let mut out = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        match next {
            c if c.is_ascii() => out.push(c),
            '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' | '\u{fe0f}' => {}
            // These spaces separate the groups of a number, as LaTeX's thin space does.
            '\u{a0}' | '\u{2009}' | '\u{202f}' | '\u{2002}'..='\u{2008}' | '\u{200a}' => out.extend("\\,".chars()),
            '\u{3000}' | '\u{2028}' | '\u{2029}' => out.push(' '),
            '\u{ff01}'..='\u{ff5e}' => out.push(char::from_u32(next as u32 - 0xfee0).unwrap_or(next)),
            c if superscript(c).is_some() => {
                script(&mut out, "^{", superscript(c), || next_if(&mut chars, superscript))
            }
            c if subscript(c).is_some() => script(&mut out, "_{", subscript(c), || next_if(&mut chars, subscript)),
            c => match CHARACTERS.iter().find(|(from, _)| *from == c) {
                Some((_, to)) => out.extend(to.chars()),
                None => out.push(c),
            },
        }
    }
    out
}

fn superscript(c: char) -> Option<char> {
    SUPERSCRIPTS.iter().find(|(from, _)| *from == c).map(|(_, to)| *to)
}

fn subscript(c: char) -> Option<char> {
    let digit = (c as u32).checked_sub(SUBSCRIPT_ZERO as u32)?;
    char::from_digit(digit, 10)
}

fn next_if(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, map: fn(char) -> Option<char>) -> Option<char> {
    let found = map(*chars.peek()?)?;
    chars.next();
    Some(found)
}

/// Writes a run of superscript or subscript characters as a group.
fn script(out: &mut Vec<char>, open: &str, first: Option<char>, more: impl FnMut() -> Option<char>) {
    out.extend(open.chars());
    out.extend(first);
    out.extend(std::iter::from_fn(more));
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_spelled_in_latex() {
        for (text, expected) in [
            ("−2", "-2"),
            ("７＋１", "7+1"),
            ("x²⁺ⁿ", "x^{2+n}"),
            ("a₁₂", "a_{12}"),
            ("7\u{200b}", "7"),
            ("√5", "\\sqrt 5"),
            ("1\u{a0}000", "1\\,000"),
            ("é", "é"),
        ] {
            assert_eq!(to_latex(text).into_iter().collect::<String>(), expected);
        }
    }
}
