//! LaTeX commands.

use super::super::limits::Stop;
use super::super::tables::{
    ACCENTS, BARS, BIG, BRACKETS, GREEK, LOOKS, NAMES, OPERATORS, RELATIONS, SPACES, TEXTS, find,
};
use super::super::token::Tok;
use super::{Lexer, function, lex_part};

impl Lexer<'_> {
    pub(super) fn command(&mut self) -> Result<(), Stop> {
        let Some(first) = self.peek(0) else {
            self.push(Tok::Unknown("\\".to_owned()));
            return Ok(());
        };
        if first.is_ascii_alphabetic() {
            let length = self.run(|c| c.is_ascii_alphabetic());
            let name = self.take(length);
            return self.named(&name);
        }
        self.at += 1;
        match first {
            '{' => self.push(Tok::Open('S')),
            '}' => self.push(Tok::Close('S')),
            '|' => self.push(Tok::Bar),
            '%' => self.push(Tok::Op('%')),
            '\\' if self.matrices == 0 && self.peek(0).is_some_and(|c| c.is_ascii_alphabetic()) => self.at -= 1,
            '\\' => self.push(Tok::Row),
            '!' | '$' | '(' | ')' | '[' | ']' => {}
            ',' | ';' | ':' | ' ' | '/' | '\n' | '\t' => self.gap = true,
            '_' | '&' | '#' => {}
            c => self.push(Tok::Unknown(format!("\\{c}"))),
        }
        Ok(())
    }

    fn named(&mut self, name: &str) -> Result<(), Stop> {
        if let Some(tok) = self.simple(name) {
            self.push(tok);
        } else if SPACES.contains(&name) {
            self.gap = true;
        } else if TEXTS.contains(&name) {
            self.text(name == "operatorname" || name == "mathrm");
        } else if LOOKS.contains(&name) {
            if matches!(name, "left" | "right") && self.peek(0) == Some('.') {
                self.at += 1;
            }
        } else if let Some((_, opens, kind)) = BRACKETS.iter().find(|(key, ..)| *key == name) {
            self.push(if *opens { Tok::Open(*kind) } else { Tok::Close(*kind) });
        } else if matches!(name, "begin" | "end") {
            self.environment(name == "begin");
        } else if name == "mathbb" || name == "Bbb" {
            let argument = self.argument();
            self.push(Tok::Name(format!("\\{}", argument.trim())));
        } else {
            self.push(Tok::Unknown(format!("\\{name}")));
        }
        Ok(())
    }

    /// Commands that are one token.
    fn simple(&self, name: &str) -> Option<Tok> {
        Some(match name {
            "frac" | "dfrac" | "tfrac" | "cfrac" => Tok::Frac,
            "sqrt" => Tok::Root,
            "binom" | "dbinom" | "tbinom" => Tok::Binomial,
            "pm" => Tok::PlusMinus(false),
            "mp" => Tok::PlusMinus(true),
            "dots" | "ldots" | "cdots" | "dotsc" | "dotsb" | "vdots" => Tok::Dots,
            "land" | "wedge" => Tok::Word("and".to_owned()),
            "cap" | "setminus" | "backslash" => Tok::Unknown(format!("\\{name}")),
            _ if BARS.contains(&name) => Tok::Bar,
            _ => {
                if let Some(func) = function(name) {
                    Tok::Func(func)
                } else if GREEK.contains(&name) {
                    Tok::Name(name.to_owned())
                } else if let Some(letter) = find(NAMES, name) {
                    Tok::Name(letter.to_owned())
                } else if let Some(relation) = find(RELATIONS, name) {
                    Tok::Relation(relation)
                } else if let Some(operator) = find(OPERATORS, name) {
                    Tok::Op(operator)
                } else if let Some(accent) = find(ACCENTS, name) {
                    Tok::Accent(accent)
                } else {
                    Tok::Big(find(BIG, name)?)
                }
            }
        })
    }

    /// The text between the braces that follow, or else the next character.
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

    /// Running text: words, and whatever else is in it.
    fn text(&mut self, names_functions: bool) {
        if self.peek(0) == Some('*') {
            self.at += 1;
        }
        let inner = self.argument();
        if let (true, Some(func)) = (names_functions, function(inner.trim())) {
            return self.push(Tok::Func(func));
        }
        let reading = self.reading;
        let chars: Vec<char> = inner.chars().collect();
        let mut at = 0;
        self.gap = true;
        while at < chars.len() {
            let word = chars[at..].iter().take_while(|c| c.is_alphabetic()).count();
            if word > 0 {
                self.push(Tok::Word(chars[at..at + word].iter().collect()));
                at += word;
                continue;
            }
            // What is no word is read as it would be outside.
            let other = chars[at..].iter().take_while(|c| !c.is_alphabetic()).count();
            let part: String = chars[at..at + other].iter().collect();
            match lex_part(&part, reading) {
                Ok(found) => self.found.tokens.extend(found.tokens),
                Err(_) => self.push(Tok::Unknown(part)),
            }
            at += other;
        }
        self.gap = true;
    }

    /// `\begin{…}` or `\end{…}`.
    fn environment(&mut self, begins: bool) {
        let name = self.argument();
        if !(name.ends_with("matrix") || name == "array" || name == "cases" || name.starts_with("align")) {
            return self.push(Tok::Unknown(name));
        }
        if !begins {
            self.matrices = self.matrices.saturating_sub(1);
            return self.push(Tok::End);
        }
        self.matrices += 1;
        if name == "array" {
            self.argument();
        }
        self.push(if name == "cases" { Tok::Unknown(name) } else { Tok::Begin });
    }
}
