//! From text to tokens.

mod commands;

use super::limits::{MOST_TOKENS, Stop};
use super::numeral::numeral;
use super::tables::{FUNCTIONS, GREEK, find};
use super::token::{Func, Relation, Tok, Token};
use super::unicode::respelled;
use super::units::is_word;

/// How a text that can be read in several ways is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// Bare commas separate members of a list, never thousands.
    pub commas_separate: bool,
    /// Letters are read in lower case.
    pub lower_case: bool,
}

/// The tokens of an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Lexed {
    pub tokens: Vec<Token>,
    /// Whether a bare comma was taken for a thousands' separator.
    pub commas: bool,
}

/// Reads `text`.
pub(super) fn lex(text: &str, reading: Reading) -> Result<Lexed, Stop> {
    let chars = respelled(text);
    let mut lexer =
        Lexer { chars: &chars, at: 0, reading, gap: false, brackets: 0, matrices: 0, found: Lexed::default() };
    while lexer.at < chars.len() {
        lexer.step()?;
        if lexer.found.tokens.len() > MOST_TOKENS {
            return Err(Stop::TooMuch("symbols"));
        }
    }
    Ok(lexer.found)
}

struct Lexer<'t> {
    chars: &'t [char],
    at: usize,
    reading: Reading,
    gap: bool,
    /// Open brackets, in which commas separate members.
    brackets: usize,
    matrices: usize,
    found: Lexed,
}

impl Lexer<'_> {
    fn push(&mut self, tok: Tok) {
        match tok {
            Tok::Open(kind) if kind != '{' => self.brackets += 1,
            Tok::Close(kind) if kind != '{' => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        let degree = self.raised_degree(&tok);
        let tok = if degree { Tok::Op('°') } else { tok };
        self.found.tokens.push(Token { tok, gap: std::mem::take(&mut self.gap) });
    }

    /// Whether `tok` ends `^\circ` or `^{\circ}`; what stands before the circle is taken away then.
    fn raised_degree(&mut self, tok: &Tok) -> bool {
        const BARE: &[Tok] = &[Tok::Op('^')];
        const BRACED: &[Tok] = &[Tok::Op('^'), Tok::Open('{'), Tok::Op('°')];
        let before = match tok {
            Tok::Op('°') => BARE,
            Tok::Close('{') => BRACED,
            _ => return false,
        };
        let tokens = &mut self.found.tokens;
        let start = tokens.len().checked_sub(before.len());
        let found = start.is_some_and(|start| tokens[start..].iter().map(|token| &token.tok).eq(before));
        if found {
            tokens.truncate(tokens.len() - before.len());
        }
        found
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn step(&mut self) -> Result<(), Stop> {
        let first = self.chars[self.at];
        if first.is_ascii_digit() || (first == '.' && self.peek(1).is_some_and(|c| c.is_ascii_digit())) {
            return self.number();
        }
        self.at += 1;
        match first {
            '\\' => return self.command(),
            c if c.is_whitespace() => self.gap = true,
            '~' => self.gap = true,
            '$' => {}
            c if c.is_ascii_alphabetic() => self.letters(),
            c => self.sign(c),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Stop> {
        let script = matches!(self.found.tokens.last(), Some(Token { tok: Tok::Op('_' | '^'), .. }));
        let grouped = !self.reading.commas_separate && self.brackets == 0 && !script;
        let found = numeral(self.chars, self.at, grouped)?;
        self.at = found.end;
        self.found.commas |= found.commas;
        self.push(Tok::Number(found.value, found.digits));
        Ok(())
    }

    fn sign(&mut self, c: char) {
        let next = self.peek(0);
        let (tok, more) = match (c, next) {
            ('<', Some('=')) => (Tok::Relation(Relation::AtMost), 1),
            ('>', Some('=')) => (Tok::Relation(Relation::AtLeast), 1),
            ('!', Some('=')) => (Tok::Relation(Relation::Unequal), 1),
            (':' | '=', Some('=')) => (Tok::Relation(Relation::Equal), 1),
            ('*', Some('*')) => (Tok::Op('^'), 1),
            ('.', Some('.')) => (Tok::Dots, self.run(|c| c == '.')),
            ('=', _) => (Tok::Relation(Relation::Equal), 0),
            ('<', _) => (Tok::Relation(Relation::Less), 0),
            ('>', _) => (Tok::Relation(Relation::Greater), 0),
            ('(' | '[', _) => (Tok::Open(c), 0),
            (')', _) => (Tok::Close('('), 0),
            (']', _) => (Tok::Close('['), 0),
            ('{', _) => (Tok::Open('{'), 0),
            ('}', _) => (Tok::Close('{'), 0),
            ('|', _) => (Tok::Bar, 0),
            ('&', _) => (Tok::Column, 0),
            ('+' | '-' | '*' | '/' | '^' | '_' | '!' | '\'' | ',' | ';' | ':' | '.' | '%', _) => (Tok::Op(c), 0),
            (c, _) => (Tok::Unknown(c.to_string()), 0),
        };
        self.at += more;
        self.push(tok);
    }

    /// How many characters from here are `inner`.
    fn run(&self, inner: impl Fn(char) -> bool) -> usize {
        self.chars[self.at..].iter().take_while(|c| inner(**c)).count()
    }

    fn take(&mut self, count: usize) -> String {
        let text = self.chars[self.at..self.at + count].iter().collect();
        self.at += count;
        text
    }

    /// A run of letters: a function, a Greek letter or a word that is known, a long word, or else single letters.
    fn letters(&mut self) {
        self.at -= 1;
        let word = self.run(|c| c.is_ascii_alphabetic());
        let word = self.take(word);
        if let Some(func) = function(&word) {
            self.push(Tok::Func(func));
        } else if word == "sqrt" {
            self.push(Tok::Root);
        } else if matches!(word.as_str(), "inf" | "infinity" | "Infinity" | "oo") {
            self.push(Tok::Name("infty".to_owned()));
        } else if GREEK.contains(&word.as_str()) {
            self.push(Tok::Name(word));
        } else if word.len() >= 4 || is_word(&word) || (word.len() > 1 && self.in_prose()) {
            self.push(Tok::Word(word));
        } else {
            for letter in word.chars() {
                let name = self.cased(&letter.to_string());
                self.push(Tok::Name(name));
            }
        }
    }

    /// Whether the last token is a word of running text, with a space behind it.
    fn in_prose(&self) -> bool {
        let last = self.found.tokens.last().map(|token| &token.tok);
        self.gap && matches!(last, Some(Tok::Word(word)) if word.len() > 1 && word != "and" && word != "or")
    }

    fn cased(&self, name: &str) -> String {
        // `E` and `I` would become constants.
        let lower = self.reading.lower_case && !matches!(name, "E" | "I");
        if lower { name.to_lowercase() } else { name.to_owned() }
    }
}

fn function(name: &str) -> Option<Func> {
    find(FUNCTIONS, name)
}

/// As [`lex`], of text without letters, which therefore goes no deeper.
fn lex_part(text: &str, reading: Reading) -> Result<Lexed, Stop> {
    let chars: Vec<char> = text.chars().filter(|c| *c != '\\').collect();
    let mut lexer =
        Lexer { chars: &chars, at: 0, reading, gap: false, brackets: 0, matrices: 0, found: Lexed::default() };
    while lexer.at < chars.len() {
        lexer.step()?;
    }
    Ok(lexer.found)
}
