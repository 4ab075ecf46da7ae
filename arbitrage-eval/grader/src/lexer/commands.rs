//! Reads LaTeX commands.

use super::super::limits::Abort;
use super::super::symbol_tables::{
    ACCENTS, BARS, BIG_OPERATORS, BRACKETS, GREEK, NAMES, OPERATORS, RELATIONS, SPACES, STYLES, TEXT_COMMANDS, find,
};
use super::super::token::MathToken;
use super::{AnswerLexer, function, lex_symbols};

/// What the argument of a text command may be.
#[derive(Clone, Copy)]
enum TextArgument {
    /// Running text.
    Prose,
    /// Running text, or the name of a function, as in `\operatorname{arcsin}`.
    FunctionName,
}

impl AnswerLexer<'_> {
    pub(super) fn command(&mut self) -> Result<(), Abort> {
        let Some(first) = self.peek(0) else {
            self.push(MathToken::Unknown("\\".to_owned()));
            return Ok(());
        };
        if first.is_ascii_alphabetic() {
            let length = self.run(|c| c.is_ascii_alphabetic());
            let name = self.take(length);
            return self.named(&name);
        }
        self.at += 1;
        match first {
            '{' => self.push(MathToken::Open('S')),
            '}' => self.push(MathToken::Close('S')),
            '|' => self.push(MathToken::Bar),
            '%' => self.push(MathToken::Op('%')),
            '\\' if self.matrices == 0 && self.peek(0).is_some_and(|c| c.is_ascii_alphabetic()) => self.at -= 1,
            '\\' => self.push(MathToken::Row),
            '!' | '$' | '(' | ')' | '[' | ']' => {}
            ',' | ';' | ':' | ' ' | '/' | '\n' | '\t' => self.after_space = true,
            '_' | '&' | '#' => {}
            c => self.push(MathToken::Unknown(format!("\\{c}"))),
        }
        Ok(())
    }

    fn named(&mut self, name: &str) -> Result<(), Abort> {
        if let Some(token) = self.simple(name) {
            self.push(token);
        } else if SPACES.contains(&name) {
            self.after_space = true;
        } else if TEXT_COMMANDS.contains(&name) {
            let argument = if matches!(name, "operatorname" | "mathrm") {
                TextArgument::FunctionName
            } else {
                TextArgument::Prose
            };
            self.text(argument);
        } else if STYLES.contains(&name) {
            if matches!(name, "left" | "right") && self.peek(0) == Some('.') {
                self.at += 1;
            }
        } else if let Some((_, opens, kind)) = BRACKETS.iter().find(|(key, ..)| *key == name) {
            self.push(if *opens { MathToken::Open(*kind) } else { MathToken::Close(*kind) });
        } else if matches!(name, "begin" | "end") {
            self.environment(name == "begin");
        } else if name == "mathbb" || name == "Bbb" {
            let argument = self.argument();
            self.push(MathToken::Name(format!("\\{}", argument.trim())));
        } else {
            self.push(MathToken::Unknown(format!("\\{name}")));
        }
        Ok(())
    }

    /// The token of a command that is one token.
    fn simple(&self, name: &str) -> Option<MathToken> {
        Some(match name {
            "frac" | "dfrac" | "tfrac" | "cfrac" => MathToken::Frac,
            "sqrt" => MathToken::Root,
            "binom" | "dbinom" | "tbinom" => MathToken::Binomial,
            "pm" => MathToken::PlusMinus(false),
            "mp" => MathToken::PlusMinus(true),
            "dots" | "ldots" | "cdots" | "dotsc" | "dotsb" | "vdots" => MathToken::Dots,
            "land" | "wedge" => MathToken::Word("and".to_owned()),
            "cap" | "setminus" | "backslash" => MathToken::Unknown(format!("\\{name}")),
            _ if BARS.contains(&name) => MathToken::Bar,
            _ => {
                if let Some(func) = function(name) {
                    MathToken::Func(func)
                } else if GREEK.contains(&name) {
                    MathToken::Name(name.to_owned())
                } else if let Some(letter) = find(NAMES, name) {
                    MathToken::Name(letter.to_owned())
                } else if let Some(relation) = find(RELATIONS, name) {
                    MathToken::Relation(relation)
                } else if let Some(operator) = find(OPERATORS, name) {
                    MathToken::Op(operator)
                } else if let Some(accent) = find(ACCENTS, name) {
                    MathToken::Accent(accent)
                } else {
                    MathToken::Big(find(BIG_OPERATORS, name)?)
                }
            }
        })
    }

    /// Takes the text between the braces that follow, or else the next character.
    fn argument(&mut self) -> String {
        self.at += self.run(char::is_whitespace);
        if self.peek(0) != Some('{') {
            let one = usize::from(self.peek(0).is_some());
            return self.take(one);
        }
        self.at += 1;
        let mut depth = 1usize;
        let inner = self.run_to_brace(&mut depth);
        let text = self.take(inner);
        self.at += usize::from(depth == 0);
        text
    }

    fn run_to_brace(&self, depth: &mut usize) -> usize {
        let rest = &self.chars[self.at..];
        let end = rest.iter().position(|c| {
            match c {
                '{' => *depth += 1,
                '}' => *depth -= 1,
                _ => {}
            }
            *depth == 0
        });
        end.unwrap_or(rest.len())
    }

    /// Reads the argument of a text command as words, with numbers and signs between them.
    fn text(&mut self, argument: TextArgument) {
        if self.peek(0) == Some('*') {
            self.at += 1;
        }
        let inner = self.argument();
        if let (TextArgument::FunctionName, Some(func)) = (argument, function(inner.trim())) {
            return self.push(MathToken::Func(func));
        }
        let chars: Vec<char> = inner.chars().collect();
        let mut at = 0;
        self.after_space = true;
        while at < chars.len() {
            let word = chars[at..].iter().take_while(|c| c.is_alphabetic()).count();
            if word > 0 {
                self.push(MathToken::Word(chars[at..at + word].iter().collect()));
                at += word;
                continue;
            }
            let other = chars[at..].iter().take_while(|c| !c.is_alphabetic()).count();
            let part: String = chars[at..at + other].iter().collect();
            match lex_symbols(&part, self.options) {
                Ok(found) => self.found.tokens.extend(found.tokens),
                Err(_) => self.push(MathToken::Unknown(part)),
            }
            at += other;
        }
        self.after_space = true;
    }

    /// Reads the argument of `\begin` or `\end`.
    fn environment(&mut self, begins: bool) {
        let name = self.argument();
        if !(name.ends_with("matrix") || name == "array" || name == "cases" || name.starts_with("align")) {
            return self.push(MathToken::Unknown(name));
        }
        if !begins {
            self.matrices = self.matrices.saturating_sub(1);
            return self.push(MathToken::End);
        }
        self.matrices += 1;
        if name == "array" {
            self.argument();
        }
        self.push(if name == "cases" { MathToken::Unknown(name) } else { MathToken::Begin });
    }
}
