//! Splits the text of an answer into tokens.

mod commands;

use super::limits::{Abort, MAX_TOKENS};
use super::numeral::{BareSeparators, numeral};
use super::symbol_tables::{FUNCTIONS, GREEK, find};
use super::token::{Func, MathToken, Relation, SpacedToken};
use super::unicode::to_latex;
use super::units::is_word;

/// How ambiguous text is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LexOptions {
    /// Whether bare commas separate members of a list instead of thousands.
    pub commas_separate: bool,
    /// Whether variables are read in lower case.
    pub lower_case: bool,
}

/// The tokens of an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct LexedAnswer {
    pub tokens: Vec<SpacedToken>,
    /// Whether a bare comma was read as a thousands separator.
    pub has_thousands_commas: bool,
}

/// The tokens of `text`.
pub(super) fn lex(text: &str, options: LexOptions) -> Result<LexedAnswer, Abort> {
    let chars = to_latex(text);
    let mut lexer = AnswerLexer::new(&chars, options);
    while lexer.at < chars.len() {
        lexer.step()?;
        if lexer.found.tokens.len() > MAX_TOKENS {
            return Err(Abort::TooComplex("symbols"));
        }
    }
    Ok(lexer.found)
}

struct AnswerLexer<'t> {
    chars: &'t [char],
    at: usize,
    options: LexOptions,
    /// Whether white space was read since the last token.
    after_space: bool,
    /// Number of open brackets. In brackets, commas separate members and not thousands.
    brackets: usize,
    /// Number of open matrices. In matrices, `\\` ends a row.
    matrices: usize,
    found: LexedAnswer,
}

impl<'t> AnswerLexer<'t> {
    fn new(chars: &'t [char], options: LexOptions) -> Self {
        Self { chars, at: 0, options, after_space: false, brackets: 0, matrices: 0, found: LexedAnswer::default() }
    }

    fn push(&mut self, token: MathToken) {
        match token {
            MathToken::Open(kind) if kind != '{' => self.brackets += 1,
            MathToken::Close(kind) if kind != '{' => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        let token = if self.take_raised_degree(&token) { MathToken::Op('°') } else { token };
        self.found.tokens.push(SpacedToken { token, after_space: std::mem::take(&mut self.after_space) });
    }

    /// Whether `last` completes `^\circ` or `^{\circ}`. If so, the tokens before it are removed, so that one degree sign is left.
    fn take_raised_degree(&mut self, last: &MathToken) -> bool {
        const BARE: &[MathToken] = &[MathToken::Op('^')];
        const BRACED: &[MathToken] = &[MathToken::Op('^'), MathToken::Open('{'), MathToken::Op('°')];
        let before = match last {
            MathToken::Op('°') => BARE,
            MathToken::Close('{') => BRACED,
            _ => return false,
        };
        let tokens = &mut self.found.tokens;
        let start = tokens.len().checked_sub(before.len());
        let completes = start.is_some_and(|start| tokens[start..].iter().map(|token| &token.token).eq(before));
        if completes {
            tokens.truncate(tokens.len() - before.len());
        }
        completes
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn step(&mut self) -> Result<(), Abort> {
        let first = self.chars[self.at];
        if first.is_ascii_digit() || (first == '.' && self.peek(1).is_some_and(|c| c.is_ascii_digit())) {
            return self.number();
        }
        self.at += 1;
        match first {
            '\\' => return self.command(),
            c if c.is_whitespace() => self.after_space = true,
            '~' => self.after_space = true,
            '$' => {}
            c if c.is_ascii_alphabetic() => self.letters(),
            c => self.sign(c),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Abort> {
        let in_script = matches!(self.found.tokens.last(), Some(SpacedToken { token: MathToken::Op('_' | '^'), .. }));
        let separates_members = self.options.commas_separate || self.brackets > 0 || in_script;
        let bare = if separates_members { BareSeparators::EndOfNumber } else { BareSeparators::Thousands };
        let found = numeral(self.chars, self.at, bare)?;
        self.at = found.end;
        self.found.has_thousands_commas |= found.has_thousands_commas;
        self.push(MathToken::Number(found.value, found.digits));
        Ok(())
    }

    fn sign(&mut self, c: char) {
        let next = self.peek(0);
        let (token, more) = match (c, next) {
            ('<', Some('=')) => (MathToken::Relation(Relation::AtMost), 1),
            ('>', Some('=')) => (MathToken::Relation(Relation::AtLeast), 1),
            ('!', Some('=')) => (MathToken::Relation(Relation::Unequal), 1),
            (':' | '=', Some('=')) => (MathToken::Relation(Relation::Equal), 1),
            ('*', Some('*')) => (MathToken::Op('^'), 1),
            ('.', Some('.')) => (MathToken::Dots, self.run(|c| c == '.')),
            ('=', _) => (MathToken::Relation(Relation::Equal), 0),
            ('<', _) => (MathToken::Relation(Relation::Less), 0),
            ('>', _) => (MathToken::Relation(Relation::Greater), 0),
            ('(' | '[', _) => (MathToken::Open(c), 0),
            (')', _) => (MathToken::Close('('), 0),
            (']', _) => (MathToken::Close('['), 0),
            ('{', _) => (MathToken::Open('{'), 0),
            ('}', _) => (MathToken::Close('{'), 0),
            ('|', _) => (MathToken::Bar, 0),
            ('&', _) => (MathToken::Column, 0),
            ('+' | '-' | '*' | '/' | '^' | '_' | '!' | '\'' | ',' | ';' | ':' | '.' | '%', _) => (MathToken::Op(c), 0),
            (c, _) => (MathToken::Unknown(c.to_string()), 0),
        };
        self.at += more;
        self.push(token);
    }

    /// How many of the next characters satisfy `fits`.
    fn run(&self, fits: impl Fn(char) -> bool) -> usize {
        self.chars[self.at..].iter().take_while(|c| fits(**c)).count()
    }

    fn take(&mut self, count: usize) -> String {
        let text = self.chars[self.at..self.at + count].iter().collect();
        self.at += count;
        text
    }

    /// Reads a run of letters as a function, a Greek letter, a word, or else as a product of single-letter variables.
    fn letters(&mut self) {
        self.at -= 1;
        let word = self.run(|c| c.is_ascii_alphabetic());
        let word = self.take(word);
        if let Some(func) = function(&word) {
            self.push(MathToken::Func(func));
        } else if word == "sqrt" {
            self.push(MathToken::Root);
        } else if matches!(word.as_str(), "inf" | "infinity" | "Infinity" | "oo") {
            self.push(MathToken::Name("infty".to_owned()));
        } else if GREEK.contains(&word.as_str()) {
            self.push(MathToken::Name(word));
        } else if word.len() >= 4 || is_word(&word) || (word.len() > 1 && self.in_prose()) {
            self.push(MathToken::Word(word));
        } else {
            for letter in word.chars() {
                let name = self.cased(&letter.to_string());
                self.push(MathToken::Name(name));
            }
        }
    }

    /// Whether the last token is a word of running text that a space follows.
    fn in_prose(&self) -> bool {
        let last = self.found.tokens.last().map(|token| &token.token);
        self.after_space
            && matches!(last, Some(MathToken::Word(word)) if word.len() > 1 && word != "and" && word != "or")
    }

    fn cased(&self, name: &str) -> String {
        // In lower case, `E` and `I` would become the constants e and i.
        let lower = self.options.lower_case && !matches!(name, "E" | "I");
        if lower { name.to_lowercase() } else { name.to_owned() }
    }
}

fn function(name: &str) -> Option<Func> {
    find(FUNCTIONS, name)
}

/// The tokens of text without letters. Backslashes are left out, so it has no commands and cannot nest.
fn lex_symbols(text: &str, options: LexOptions) -> Result<LexedAnswer, Abort> {
    let chars: Vec<char> = text.chars().filter(|c| *c != '\\').collect();
    let mut lexer = AnswerLexer::new(&chars, options);
    while lexer.at < chars.len() {
        lexer.step()?;
    }
    Ok(lexer.found)
}
