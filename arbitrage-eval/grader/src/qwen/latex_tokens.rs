//! Splits text into the tokens of sympy's LaTeX parser.

/// A token of sympy's LaTeX parser.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LatexToken {
    Number(String),
    Letter(char),
    Command(String),
    Sign(char),
    /// Text that sympy's parser does not know, at which it fails.
    Unknown,
}

/// The tokens of a text.
pub(super) fn tokens(text: &str) -> Vec<LatexToken> {
    const SKIPPED: [&str; 8] = ["\\,", "\\;", "\\:", "\\!", "\\quad", "\\qquad", "\\left", "\\right"];
    let text = SKIPPED.iter().fold(text.to_owned(), |text, skipped| text.replace(skipped, ""));
    let chars: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (mut found, mut at) = (Vec::new(), 0);
    let run =
        |at: usize, inner: fn(&char) -> bool| at + chars[at.min(chars.len())..].iter().take_while(|c| inner(c)).count();
    while at < chars.len() {
        let start = at;
        at += 1;
        found.push(match chars[start] {
            '0'..='9' => {
                at = run(start, char::is_ascii_digit);
                while chars.get(at) == Some(&',') && run(at + 1, char::is_ascii_digit) >= at + 4 {
                    at += 4;
                }
                if chars.get(at) == Some(&'.') && run(at + 1, char::is_ascii_digit) > at + 1 {
                    at = run(at + 1, char::is_ascii_digit);
                }
                LatexToken::Number(chars[start..at].iter().filter(|c| **c != ',').collect())
            }
            '\\' => {
                at = run(start + 1, char::is_ascii_alphabetic).max((start + 2).min(chars.len()));
                let name: String = chars[start + 1..at].iter().collect();
                match name.as_str() {
                    "begin" | "end" | "" => LatexToken::Unknown,
                    "{" | "}" | "|" => LatexToken::Command(name),
                    _ if name.starts_with(|c: char| c.is_ascii_alphabetic()) => LatexToken::Command(name),
                    _ => LatexToken::Unknown,
                }
            }
            c if c.is_ascii_alphabetic() => LatexToken::Letter(c),
            c @ ('+' | '-' | '*' | '/' | ':' | '^' | '_' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '=' | '<'
            | '>' | '!' | ',' | '\'' | '&') => LatexToken::Sign(c),
            _ => LatexToken::Unknown,
        });
    }
    found
}
