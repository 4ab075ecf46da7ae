//! Tokenizes arithmetic in running text and LaTeX.

/// A token of arithmetic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ArithmeticToken {
    /// A number, and how many decimals it is written with.
    Number(f64, u32),
    /// `+`, `-`, `*` or `/`.
    Operator(char),
    Open,
    Close,
    /// `%`: divides the value before it by 100.
    Percent,
    /// `=` or `≈`.
    Equals,
    /// A unit or another word, which does not change a value.
    Word,
    /// A boundary of expressions: the end of a line, of a sentence, of a formula, or an unknown.
    Break,
}

/// Most tokens that are read of a text. Steps are far shorter.
const MAX_TOKENS: usize = 4096;

/// The tokens of any `text`.
pub(super) fn tokens(text: &str) -> Vec<ArithmeticToken> {
    let mut lexer = ArithmeticLexer { rest: text, found: Vec::new(), fractions: Vec::new(), depth: 0 };
    while lexer.found.len() < MAX_TOKENS && lexer.step() {}
    lexer.found
}

struct ArithmeticLexer<'t> {
    rest: &'t str,
    found: Vec<ArithmeticToken>,
    /// Depths at which the numerator of a `\frac` ends, where a division sign is inserted.
    fractions: Vec<usize>,
    depth: usize,
}

impl ArithmeticLexer<'_> {
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        if first.is_ascii_digit() || (first == '.' && self.rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            self.number();
            return true;
        }
        self.rest = &self.rest[first.len_utf8()..];
        match first {
            '\\' => self.command(),
            '+' | '*' | '/' => self.push(ArithmeticToken::Operator(first)),
            '-' | '−' | '–' => self.push(ArithmeticToken::Operator('-')),
            '×' | '·' | '⋅' => self.push(ArithmeticToken::Operator('*')),
            '÷' => self.push(ArithmeticToken::Operator('/')),
            '(' | '[' | '{' => self.open(),
            ')' | ']' | '}' => self.close(),
            '%' => self.push(ArithmeticToken::Percent),
            '=' | '≈' => self.push(ArithmeticToken::Equals),
            c if c.is_alphabetic() => self.word(first),
            ' ' | '\t' | '$' | '&' | '~' => {}
            _ => self.push(ArithmeticToken::Break),
        }
        true
    }

    fn push(&mut self, token: ArithmeticToken) {
        self.found.push(token);
    }

    fn open(&mut self) {
        self.depth += 1;
        self.push(ArithmeticToken::Open);
    }

    fn close(&mut self) {
        self.push(ArithmeticToken::Close);
        if self.fractions.last() == Some(&self.depth) {
            self.fractions.pop();
            self.push(ArithmeticToken::Operator('/'));
        }
        self.depth = self.depth.saturating_sub(1);
    }

    /// Digits, with commas between groups of three, and at most one decimal point.
    fn number(&mut self) {
        let bytes = self.rest.as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let (mut end, mut point) = (0, None);
        loop {
            match bytes.get(end) {
                Some(b'0'..=b'9') => end += 1,
                Some(b',') if point.is_none() && (1..4).all(|ahead| digit(end + ahead)) && !digit(end + 4) => end += 1,
                Some(b'.') if point.is_none() && digit(end + 1) => {
                    point = Some(end);
                    end += 1;
                }
                _ => break,
            }
        }
        let decimals = point.map_or(0, |point| end - point - 1);
        let value = self.rest[..end].replace(',', "").parse().unwrap_or(f64::NAN);
        self.push(ArithmeticToken::Number(value, u32::try_from(decimals).unwrap_or(u32::MAX)));
        self.rest = &self.rest[end..];
    }

    /// A word. A single `x` between numbers is a multiplication sign; any other single letter is an unknown, at which expressions end.
    fn word(&mut self, first: char) {
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '’' | '_');
        let end = self.rest.find(|c: char| !inside(c)).unwrap_or(self.rest.len());
        self.rest = &self.rest[end..];
        let value_ahead =
            self.rest.trim_start_matches([' ', '$']).starts_with(|c: char| c.is_ascii_digit() || c == '(');
        self.push(match first {
            'x' | 'X' if end == 0 && value_ahead => ArithmeticToken::Operator('*'),
            'b'..='z' | 'B'..='Z' if end == 0 => ArithmeticToken::Break,
            _ => ArithmeticToken::Word,
        });
    }

    /// A LaTeX command, after its backslash.
    fn command(&mut self) {
        let end = self.rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(self.rest.len());
        if end == 0 {
            let symbol = self.rest.chars().next();
            self.rest = &self.rest[symbol.map_or(0, char::len_utf8)..];
            return match symbol {
                Some('%') => self.push(ArithmeticToken::Percent),
                Some(',' | ';' | '!' | ':' | ' ' | '$') => {}
                Some('{') => self.open(),
                Some('}') => self.close(),
                _ => self.push(ArithmeticToken::Break),
            };
        }
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        match name {
            "times" | "cdot" | "ast" => self.push(ArithmeticToken::Operator('*')),
            "div" => self.push(ArithmeticToken::Operator('/')),
            "approx" => self.push(ArithmeticToken::Equals),
            "frac" | "dfrac" | "tfrac" => self.fractions.push(self.depth + 1),
            "text" | "mathrm" | "textbf" | "mathbf" | "operatorname" => self.text(),
            "left" | "right" | "quad" | "qquad" | "boxed" | "displaystyle" => {}
            _ => self.push(ArithmeticToken::Break),
        }
    }

    /// The `{words}` after `\text`, usually a unit.
    fn text(&mut self) {
        if self.rest.starts_with('{') {
            let end = self.rest.find('}').map_or(self.rest.len(), |end| end + 1);
            self.rest = &self.rest[end..];
            self.push(ArithmeticToken::Word);
        }
    }
}
