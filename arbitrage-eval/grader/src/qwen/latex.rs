//! What sympy's LaTeX parser reads: the longest beginning of a text that is a formula. Letters are variables, a letter before a
//! parenthesis is a function, commands that it does not know are variables, and what follows a complete formula does not count.

use super::super::expr::Expr;
use super::super::limits::{DEEPEST, Stop};
use super::super::tables::{FUNCTIONS, GREEK, find};
use super::super::token::Func;
use super::super::{lexer, parser};
use super::tokens::{Token, tokens};

/// What a text is read as.
pub(super) enum Read {
    Value(Expr),
    Relation(Expr, Expr),
    /// Nothing; it stays text.
    Text,
}

/// Reads a text: as sympy's LaTeX parser does, or else as a whole formula.
pub(super) fn read(text: &str) -> Read {
    let tokens = tokens(&text.replace("\\\\", "\\"));
    let mut reader = Reader { tokens: &tokens, at: 0, depth: 0 };
    match reader.relation() {
        Ok(found) => found,
        Err(_) => {
            let lexed = lexer::lex(text, lexer::Reading { commas_separate: true, lower_case: false });
            match lexed.and_then(|lexed| parser::parse(&lexed.tokens)) {
                Ok(found) if text.contains("matrix") => Read::Value(found),
                _ => Read::Text,
            }
        }
    }
}

struct Reader<'t> {
    tokens: &'t [Token],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    /// The next token; an error where the lexer has none.
    fn peek(&self) -> Result<Option<&Token>, Stop> {
        match self.tokens.get(self.at) {
            Some(Token::Bad) => Err(Stop::Undefined),
            found => Ok(found),
        }
    }

    fn eat(&mut self, sign: char) -> Result<bool, Stop> {
        let found = self.peek()? == Some(&Token::Sign(sign));
        self.at += usize::from(found);
        Ok(found)
    }

    fn expect(&mut self, sign: char) -> Result<(), Stop> {
        if self.eat(sign)? { Ok(()) } else { Err(Stop::Undefined) }
    }

    fn command(&self) -> Option<&str> {
        match self.tokens.get(self.at) {
            Some(Token::Command(name)) => Some(name),
            _ => None,
        }
    }

    fn relation(&mut self) -> Result<Read, Stop> {
        let left = self.sum()?;
        let relates = match self.peek()? {
            Some(Token::Sign('=' | '<' | '>')) => true,
            Some(Token::Command(name)) => matches!(name.as_str(), "le" | "leq" | "ge" | "geq" | "lt" | "gt" | "neq"),
            _ => false,
        };
        if !relates {
            return Ok(Read::Value(left));
        }
        self.at += 1;
        Ok(Read::Relation(left, self.sum()?))
    }

    fn sum(&mut self) -> Result<Expr, Stop> {
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

    fn product(&mut self) -> Result<Expr, Stop> {
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

    fn signed(&mut self) -> Result<Expr, Stop> {
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

    fn begins_factor(&self) -> Result<bool, Stop> {
        Ok(match self.peek()? {
            Some(Token::Number(_) | Token::Letter(_) | Token::Sign('(' | '[' | '{')) => true,
            Some(Token::Command(name)) => match name.as_str() {
                "cdot" | "times" | "div" | "le" | "leq" | "ge" | "geq" | "lt" | "gt" | "neq" | "}" | "|" | "rfloor"
                | "rceil" => false,
                // Only braces or brackets can follow; what cannot be read ends the formula.
                "sqrt" => matches!(self.tokens.get(self.at + 1), Some(Token::Sign('{' | '['))),
                _ => true,
            },
            _ => false,
        })
    }

    fn postfix(&mut self) -> Result<Expr, Stop> {
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

    /// What stands between the bracket here and `close`.
    fn group(&mut self, close: char) -> Result<Expr, Stop> {
        self.at += 1;
        let found = self.sum()?;
        self.expect(close)?;
        Ok(found)
    }

    /// What hangs on `^` or `_`.
    fn script(&mut self) -> Result<Expr, Stop> {
        match self.peek()? {
            Some(Token::Sign('{')) => self.group('}'),
            Some(Token::Number(_) | Token::Letter(_) | Token::Command(_)) => self.atom(),
            _ => Err(Stop::Undefined),
        }
    }

    fn atom(&mut self) -> Result<Expr, Stop> {
        if self.depth == DEEPEST {
            return Err(Stop::TooMuch("nesting"));
        }
        self.depth += 1;
        let found = self.shallow_atom()?;
        self.depth -= 1;
        Ok(found)
    }

    fn shallow_atom(&mut self) -> Result<Expr, Stop> {
        let token = self.peek()?.cloned().ok_or(Stop::Undefined)?;
        match token {
            Token::Sign('(') => self.group(')'),
            Token::Sign('[') => self.group(']'),
            Token::Sign('{') => self.group('}'),
            Token::Sign('|') => Ok(Expr::Call(Func::Abs, vec![self.group('|')?])),
            Token::Number(digits) => {
                self.at += 1;
                let chars: Vec<char> = digits.chars().collect();
                Ok(Expr::Number(super::super::numeral::numeral(&chars, 0, false)?.value))
            }
            Token::Letter(letter) => {
                self.at += 1;
                self.name(letter.to_string())
            }
            Token::Command(name) => {
                self.at += 1;
                self.named(&name)
            }
            _ => Err(Stop::Undefined),
        }
    }

    fn named(&mut self, name: &str) -> Result<Expr, Stop> {
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
                let degree = if self.peek()? == Some(&Token::Sign('[')) { self.group(']')? } else { Expr::integer(2) };
                Ok(self.braced()?.power(degree.inverse()))
            }
            "lfloor" => self.closed(Func::Floor, "rfloor"),
            "lceil" => self.closed(Func::Ceil, "rceil"),
            "sum" | "prod" | "int" | "lim" => Err(Stop::Undefined),
            "{" => {
                let found = self.sum()?;
                if self.command() == Some("}") {
                    self.at += 1;
                    return Ok(found);
                }
                Err(Stop::Undefined)
            }
            _ => match find(FUNCTIONS, name) {
                Some(func) => self.call(func),
                None if GREEK.contains(&name) || name == "infty" => self.name(name.to_owned()),
                None => self.name(format!("\\{name}")),
            },
        }
    }

    fn closed(&mut self, func: Func, close: &str) -> Result<Expr, Stop> {
        let found = self.sum()?;
        if self.command() != Some(close) {
            return Err(Stop::Undefined);
        }
        self.at += 1;
        Ok(Expr::Call(func, vec![found]))
    }

    fn braced(&mut self) -> Result<Expr, Stop> {
        if self.peek()? == Some(&Token::Sign('{')) { self.group('}') } else { Err(Stop::Undefined) }
    }

    /// A variable with its subscript; before a parenthesis, a function that nothing is known of.
    fn name(&mut self, name: String) -> Result<Expr, Stop> {
        let mut name = name;
        if self.eat('_')? {
            let start = self.at;
            self.script()?;
            let braces = |token: &&Token| !matches!(token, Token::Sign('{' | '}'));
            let spelled: Vec<&Token> = self.tokens[start..self.at].iter().filter(braces).collect();
            name += &format!("_{spelled:?}");
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

    fn call(&mut self, func: Func) -> Result<Expr, Stop> {
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
            Some(Token::Sign('(')) => self.group(')')?,
            Some(Token::Sign('[')) => self.group(']')?,
            Some(Token::Sign('{')) => self.group('}')?,
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
