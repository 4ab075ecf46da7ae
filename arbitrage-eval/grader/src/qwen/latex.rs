//! Parses text as sympy's LaTeX parser does: the longest prefix that is a formula counts, and the rest is ignored. Letters and unknown
//! commands are variables, and a letter before a parenthesis is a function.

use super::super::expression::Expr;
use super::super::lexer;
use super::super::limits::{Abort, MAX_DEPTH};
use super::super::numeral::{BareSeparators, numeral};
use super::super::parser::parse_expression;
use super::super::symbol_tables::{FUNCTIONS, GREEK, find};
use super::super::token::Func;
use super::latex_tokens::{LatexToken, tokens};

/// The result of parsing a text.
pub(super) enum ParsedLatex {
    Value(Expr),
    Relation(Expr, Expr),
    /// The text is no formula.
    Text,
}

/// Parses a text as sympy's LaTeX parser does, or else, where it has a matrix, as the profile `strict` does.
pub(super) fn parse_latex(text: &str) -> ParsedLatex {
    let tokens = tokens(&text.replace("\\\\", "\\"));
    let mut parser = LatexParser { tokens: &tokens, at: 0, depth: 0 };
    match parser.relation() {
        Ok(found) => found,
        Err(_) => {
            let lexed = lexer::lex(text, lexer::LexOptions { commas_separate: true, lower_case: false });
            match lexed.and_then(|lexed| parse_expression(&lexed.tokens)) {
                Ok(found) if text.contains("matrix") => ParsedLatex::Value(found),
                _ => ParsedLatex::Text,
            }
        }
    }
}

struct LatexParser<'t> {
    tokens: &'t [LatexToken],
    at: usize,
    depth: usize,
}

impl LatexParser<'_> {
    /// The next token, or an error where sympy's parser would fail.
    fn peek(&self) -> Result<Option<&LatexToken>, Abort> {
        match self.tokens.get(self.at) {
            Some(LatexToken::Unknown) => Err(Abort::Undefined),
            found => Ok(found),
        }
    }

    fn eat(&mut self, sign: char) -> Result<bool, Abort> {
        let found = self.peek()? == Some(&LatexToken::Sign(sign));
        self.at += usize::from(found);
        Ok(found)
    }

    fn expect(&mut self, sign: char) -> Result<(), Abort> {
        if self.eat(sign)? { Ok(()) } else { Err(Abort::Undefined) }
    }

    fn command(&self) -> Option<&str> {
        match self.tokens.get(self.at) {
            Some(LatexToken::Command(name)) => Some(name),
            _ => None,
        }
    }

    fn relation(&mut self) -> Result<ParsedLatex, Abort> {
        let left = self.sum()?;
        let relates = match self.peek()? {
            Some(LatexToken::Sign('=' | '<' | '>')) => true,
            Some(LatexToken::Command(name)) => {
                matches!(name.as_str(), "le" | "leq" | "ge" | "geq" | "lt" | "gt" | "neq")
            }
            _ => false,
        };
        if !relates {
            return Ok(ParsedLatex::Value(left));
        }
        self.at += 1;
        Ok(ParsedLatex::Relation(left, self.sum()?))
    }

    fn sum(&mut self) -> Result<Expr, Abort> {
        let mut terms = vec![self.product()?];
        loop {
            if self.eat('+')? {
                terms.push(self.product()?);
            } else if self.eat('-')? {
                terms.push(self.product()?.negated());
            } else {
                break;
            }
        }
        Ok(Expr::Sum(terms))
    }

    fn product(&mut self) -> Result<Expr, Abort> {
        let mut factors = vec![self.signed()?];
        loop {
            let times = matches!(self.command(), Some("cdot" | "times"));
            let over = self.command() == Some("div");
            if times || over {
                self.at += 1;
            }
            if times || self.eat('*')? {
                factors.push(self.signed()?);
            } else if over || self.eat('/')? || self.eat(':')? {
                factors.push(self.signed()?.inverse());
            } else {
                return Ok(Expr::Product(factors));
            }
        }
    }

    fn signed(&mut self) -> Result<Expr, Abort> {
        let mut negative = false;
        loop {
            if self.eat('-')? {
                negative = !negative;
            } else if !self.eat('+')? {
                break;
            }
        }
        let mut factors = vec![self.postfix()?];
        while self.begins_factor()? {
            factors.push(self.postfix()?);
        }
        let found = Expr::Product(factors);
        Ok(if negative { found.negated() } else { found })
    }

    fn begins_factor(&self) -> Result<bool, Abort> {
        Ok(match self.peek()? {
            Some(LatexToken::Number(_) | LatexToken::Letter(_) | LatexToken::Sign('(' | '[' | '{')) => true,
            Some(LatexToken::Command(name)) => match name.as_str() {
                "cdot" | "times" | "div" | "le" | "leq" | "ge" | "geq" | "lt" | "gt" | "neq" | "}" | "|" | "rfloor"
                | "rceil" => false,
                // Without a brace or bracket after it, a root ends the formula.
                "sqrt" => matches!(self.tokens.get(self.at + 1), Some(LatexToken::Sign('{' | '['))),
                _ => true,
            },
            _ => false,
        })
    }

    fn postfix(&mut self) -> Result<Expr, Abort> {
        let mut found = self.atom()?;
        loop {
            if self.eat('^')? {
                found = found.power(self.script()?);
            } else if self.eat('!')? {
                found = Expr::Call(Func::Factorial, vec![found]);
            } else {
                return Ok(found);
            }
        }
    }

    /// The expression from the opening bracket at this position to `close`.
    fn group(&mut self, close: char) -> Result<Expr, Abort> {
        self.at += 1;
        let found = self.sum()?;
        self.expect(close)?;
        Ok(found)
    }

    /// The exponent or subscript after `^` or `_`.
    fn script(&mut self) -> Result<Expr, Abort> {
        match self.peek()? {
            Some(LatexToken::Sign('{')) => self.group('}'),
            Some(LatexToken::Number(_) | LatexToken::Letter(_) | LatexToken::Command(_)) => self.atom(),
            _ => Err(Abort::Undefined),
        }
    }

    fn atom(&mut self) -> Result<Expr, Abort> {
        if self.depth == MAX_DEPTH {
            return Err(Abort::TooComplex("nesting"));
        }
        self.depth += 1;
        let found = self.shallow_atom()?;
        self.depth -= 1;
        Ok(found)
    }

    fn shallow_atom(&mut self) -> Result<Expr, Abort> {
        let token = self.peek()?.cloned().ok_or(Abort::Undefined)?;
        match token {
            LatexToken::Sign('(') => self.group(')'),
            LatexToken::Sign('[') => self.group(']'),
            LatexToken::Sign('{') => self.group('}'),
            LatexToken::Sign('|') => Ok(Expr::Call(Func::Abs, vec![self.group('|')?])),
            LatexToken::Number(digits) => {
                self.at += 1;
                let chars: Vec<char> = digits.chars().collect();
                Ok(Expr::Number(numeral(&chars, 0, BareSeparators::EndOfNumber)?.value))
            }
            LatexToken::Letter(letter) => {
                self.at += 1;
                self.name(letter.to_string())
            }
            LatexToken::Command(name) => {
                self.at += 1;
                self.named(&name)
            }
            _ => Err(Abort::Undefined),
        }
    }

    fn named(&mut self, name: &str) -> Result<Expr, Abort> {
        match name {
            "frac" => {
                let over = self.braced()?;
                Ok(over.over(self.braced()?))
            }
            "binom" => {
                let over = self.braced()?;
                Ok(Expr::Call(Func::Binomial, vec![over, self.braced()?]))
            }
            "sqrt" => {
                let degree =
                    if self.peek()? == Some(&LatexToken::Sign('[')) { self.group(']')? } else { Expr::integer(2) };
                Ok(self.braced()?.power(degree.inverse()))
            }
            "lfloor" => self.enclosed(Func::Floor, "rfloor"),
            "lceil" => self.enclosed(Func::Ceil, "rceil"),
            "sum" | "prod" | "int" | "lim" => Err(Abort::Undefined),
            "{" => {
                let found = self.sum()?;
                if self.command() == Some("}") {
                    self.at += 1;
                    return Ok(found);
                }
                Err(Abort::Undefined)
            }
            _ => match find(FUNCTIONS, name) {
                Some(func) => self.call(func),
                None if GREEK.contains(&name) || name == "infty" => self.name(name.to_owned()),
                None => self.name(format!("\\{name}")),
            },
        }
    }

    fn enclosed(&mut self, func: Func, close: &str) -> Result<Expr, Abort> {
        let found = self.sum()?;
        if self.command() != Some(close) {
            return Err(Abort::Undefined);
        }
        self.at += 1;
        Ok(Expr::Call(func, vec![found]))
    }

    fn braced(&mut self) -> Result<Expr, Abort> {
        if self.peek()? == Some(&LatexToken::Sign('{')) { self.group('}') } else { Err(Abort::Undefined) }
    }

    /// A variable with its subscript, or, before a parenthesis, an unknown function.
    fn name(&mut self, name: String) -> Result<Expr, Abort> {
        let mut name = name;
        if self.eat('_')? {
            let start = self.at;
            self.script()?;
            let braces = |token: &&LatexToken| !matches!(token, LatexToken::Sign('{' | '}'));
            let subscript: Vec<&LatexToken> = self.tokens[start..self.at].iter().filter(braces).collect();
            name += &format!("_{subscript:?}");
        }
        while self.eat('\'')? {
            name.push('\'');
        }
        if !self.eat('(')? {
            return Ok(Expr::Name(name));
        }
        let mut parts = vec![self.sum()?];
        while self.eat(',')? {
            parts.push(self.sum()?);
        }
        self.expect(')')?;
        Ok(Expr::Opaque(name, parts))
    }

    fn call(&mut self, func: Func) -> Result<Expr, Abort> {
        let (mut func, mut exponent, mut base) = (func, None, None);
        loop {
            if self.eat('^')? {
                exponent = Some(self.script()?);
            } else if self.eat('_')? {
                base = Some(self.script()?);
            } else {
                break;
            }
        }
        let minus_one = exponent.as_ref().is_some_and(is_minus_one);
        if let (true, Some(inverse)) = (minus_one, func.inverse()) {
            (func, exponent) = (inverse, None);
        }
        let argument = match self.peek()? {
            Some(LatexToken::Sign('(')) => self.group(')')?,
            Some(LatexToken::Sign('[')) => self.group(']')?,
            Some(LatexToken::Sign('{')) => self.group('}')?,
            _ => self.postfix()?,
        };
        let ln = |of: Expr| Expr::Call(Func::Ln, vec![of]);
        let found = match (func, base) {
            (Func::Exp, _) => Expr::Name("e".to_owned()).power(argument),
            (Func::Log, Some(base)) => ln(argument).over(ln(base)),
            (Func::Log | Func::Lg, None) => ln(argument).over(ln(Expr::integer(10))),
            (func, _) => Expr::Call(func, vec![argument]),
        };
        Ok(exponent.map_or(found.clone(), |exponent| found.power(exponent)))
    }
}

fn is_minus_one(exponent: &Expr) -> bool {
    match exponent {
        Expr::Sum(parts) | Expr::Product(parts) if parts.len() == 1 => is_minus_one(&parts[0]),
        Expr::Product(parts) if parts.len() == 2 => parts[0] == Expr::integer(-1) && is_one(&parts[1]),
        other => *other == Expr::integer(-1),
    }
}

fn is_one(expr: &Expr) -> bool {
    match expr {
        Expr::Sum(parts) | Expr::Product(parts) if parts.len() == 1 => is_one(&parts[0]),
        other => *other == Expr::integer(1),
    }
}
