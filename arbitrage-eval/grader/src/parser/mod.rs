//! From tokens to an expression: a descent with a limit on depth.

mod calls;
mod numbers;

use super::expr::Expr;
use super::limits::{DEEPEST, MOST_ITEMS, Stop};
use super::token::{Func, Relation, Tok, Token};

/// The expression that `tokens` are, all of them.
pub(super) fn parse(tokens: &[Token]) -> Result<Expr, Stop> {
    let mut parser = Parser { tokens: tokens.to_vec(), at: 0, depth: 0, functions: 0, bars: 0 };
    let found = parser.sum()?;
    if parser.at == parser.tokens.len() { Ok(found) } else { Err(Stop::Undefined) }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// Functions whose argument this is: degrees are angles in there.
    functions: usize,
    /// Absolute values that are open: a bar closes them.
    bars: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Tok> {
        self.tokens.get(self.at).map(|token| &token.tok)
    }

    fn eat(&mut self, tok: &Tok) -> bool {
        let found = self.peek() == Some(tok);
        self.at += usize::from(found);
        found
    }

    fn eat_op(&mut self, op: char) -> bool {
        self.eat(&Tok::Op(op))
    }

    fn expect(&mut self, tok: &Tok) -> Result<(), Stop> {
        if self.eat(tok) { Ok(()) } else { Err(Stop::Undefined) }
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        if self.depth == DEEPEST {
            return Err(Stop::TooMuch("nesting"));
        }
        self.depth += 1;
        let found = inner(self);
        self.depth -= 1;
        found
    }

    fn sum(&mut self) -> Result<Expr, Stop> {
        let mut terms = vec![self.product()?];
        loop {
            let tok = self.peek().cloned();
            match tok {
                Some(Tok::Op(sign @ ('+' | '-'))) => {
                    self.at += 1;
                    let term = self.product()?;
                    terms.push(if sign == '-' { term.negated() } else { term });
                }
                Some(Tok::PlusMinus(other)) => {
                    self.at += 1;
                    let term = self.product()?;
                    terms.push(Expr::Either(other, Box::new(term)));
                }
                _ => break,
            }
        }
        Ok(if terms.len() == 1 { terms.swap_remove(0) } else { Expr::Sum(terms) })
    }

    fn product(&mut self) -> Result<Expr, Stop> {
        let mut factors = vec![self.signed()?];
        loop {
            if self.eat_op('*') {
                factors.push(self.signed()?);
            } else if self.eat_op('/') {
                factors.push(self.signed()?.inverse());
            } else if self.begins_factor() {
                factors.push(self.power()?);
            } else {
                break;
            }
        }
        Ok(if factors.len() == 1 { factors.swap_remove(0) } else { Expr::Product(factors) })
    }

    /// Whether a factor follows without a sign of multiplication.
    fn begins_factor(&self) -> bool {
        let after_number = self.at > 0 && matches!(self.tokens[self.at - 1].tok, Tok::Number(..));
        match self.peek() {
            Some(Tok::Number(..)) => !after_number,
            Some(Tok::Word(word)) => word.chars().count() == 1,
            Some(Tok::Open(kind)) => *kind != '<',
            Some(Tok::Bar) => self.bars == 0,
            Some(
                Tok::Name(_)
                | Tok::Func(_)
                | Tok::Frac
                | Tok::Root
                | Tok::Binomial
                | Tok::Accent(_)
                | Tok::Big(_)
                | Tok::Begin,
            ) => true,
            _ => false,
        }
    }

    fn signed(&mut self) -> Result<Expr, Stop> {
        let (mut negative, mut either) = (false, None);
        while let Some(Tok::Op('+' | '-') | Tok::PlusMinus(_)) = self.peek() {
            match self.tokens[self.at].tok {
                Tok::Op('-') => negative = !negative,
                Tok::PlusMinus(other) => either = Some(other),
                _ => {}
            }
            self.at += 1;
        }
        let found = self.power()?;
        let found = if negative { found.negated() } else { found };
        Ok(either.map_or(found.clone(), |other| Expr::Either(other, Box::new(found))))
    }

    fn power(&mut self) -> Result<Expr, Stop> {
        let mut base = self.postfix()?;
        if self.eat_op('^') {
            let exponent = self.exponent()?;
            if let (Expr::Name(name), Some(Tok::Op('_'))) = (&base, self.peek()) {
                base = Expr::Name(format!("{name}{}", self.subscript()?));
            }
            base = base.power(exponent);
        }
        self.suffixes(base)
    }

    /// What stands behind `^`.
    fn exponent(&mut self) -> Result<Expr, Stop> {
        self.deeper(|parser| {
            let mut negative = false;
            while let Some(Tok::Op(sign @ ('+' | '-'))) = parser.peek() {
                negative ^= *sign == '-';
                parser.at += 1;
            }
            let base = parser.argument()?;
            let found = if parser.eat_op('^') { base.power(parser.exponent()?) } else { base };
            Ok(if negative { found.negated() } else { found })
        })
    }

    fn postfix(&mut self) -> Result<Expr, Stop> {
        let found = self.primary()?;
        self.suffixes(found)
    }

    fn suffixes(&mut self, mut found: Expr) -> Result<Expr, Stop> {
        loop {
            if self.eat_op('!') {
                found = Expr::Call(Func::Factorial, vec![found]);
            } else if self.eat_op('%') {
                found = found.over(Expr::integer(100));
            } else if self.eat_op('°') {
                if self.functions > 0 {
                    let half = Expr::Name("pi".to_owned()).over(Expr::integer(180));
                    found = Expr::Product(vec![found, half]);
                }
            } else {
                return Ok(found);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, Stop> {
        self.deeper(Self::atom)
    }

    fn atom(&mut self) -> Result<Expr, Stop> {
        let tok = self.peek().cloned().ok_or(Stop::Undefined)?;
        self.at += 1;
        match tok {
            Tok::Number(value, digits) => self.number(value, digits),
            Tok::Name(name) => self.name(name),
            Tok::Word(word) if word.chars().count() == 1 => self.name(word),
            Tok::Func(func) => self.call(func),
            Tok::Open('F') => self.enclosed(Func::Floor, 'F'),
            Tok::Open('C') => self.enclosed(Func::Ceil, 'C'),
            Tok::Open(kind) if kind != '<' => {
                let bars = std::mem::take(&mut self.bars);
                let found = self.sum()?;
                self.bars = bars;
                self.expect(&Tok::Close(kind))?;
                Ok(found)
            }
            Tok::Bar => {
                self.bars += 1;
                let found = self.sum()?;
                self.bars -= 1;
                self.expect(&Tok::Bar)?;
                Ok(Expr::Call(Func::Abs, vec![found]))
            }
            Tok::Frac => {
                let over = self.part_of_fraction()?;
                Ok(over.over(self.part_of_fraction()?))
            }
            Tok::Binomial => {
                let over = self.part_of_fraction()?;
                Ok(Expr::Call(Func::Binomial, vec![over, self.part_of_fraction()?]))
            }
            Tok::Root => self.root(),
            Tok::Accent(accent) => {
                let under = self.spelled_argument()?;
                self.name(format!("{accent} {under}"))
            }
            Tok::Big(name) => self.big(name),
            Tok::Begin => self.matrix(),
            _ => Err(Stop::Undefined),
        }
    }

    fn enclosed(&mut self, func: Func, kind: char) -> Result<Expr, Stop> {
        let found = self.sum()?;
        self.expect(&Tok::Close(kind))?;
        Ok(Expr::Call(func, vec![found]))
    }

    fn name(&mut self, name: String) -> Result<Expr, Stop> {
        let mut name = name;
        if self.peek() == Some(&Tok::Op('_')) {
            name += &self.subscript()?;
        }
        while self.eat_op('\'') {
            name.push('\'');
        }
        Ok(Expr::Name(name))
    }

    /// `_` and what hangs on it, as text.
    fn subscript(&mut self) -> Result<String, Stop> {
        self.expect(&Tok::Op('_'))?;
        Ok(format!("_{}", self.spelled_argument()?))
    }

    /// A group, or else one token, as text.
    fn spelled_argument(&mut self) -> Result<String, Stop> {
        let (mut depth, mut text) = (0usize, String::new());
        loop {
            let tok = self.peek().ok_or(Stop::Undefined)?;
            match tok {
                Tok::Open('{') => depth += 1,
                Tok::Close('{') => depth = depth.checked_sub(1).ok_or(Stop::Undefined)?,
                other => text += &other.spelled(),
            }
            self.at += 1;
            if depth == 0 {
                return Ok(text);
            }
        }
    }

    /// A group, or else one atom that takes nothing behind it.
    fn argument(&mut self) -> Result<Expr, Stop> {
        match self.peek().cloned() {
            Some(Tok::Number(value, _)) => {
                self.at += 1;
                Ok(Expr::Number(value))
            }
            _ => self.primary(),
        }
    }

    fn root(&mut self) -> Result<Expr, Stop> {
        let mut degree = Expr::integer(2);
        if self.eat(&Tok::Open('[')) {
            degree = self.sum()?;
            self.expect(&Tok::Close('['))?;
        }
        Ok(self.argument()?.power(degree.inverse()))
    }

    fn matrix(&mut self) -> Result<Expr, Stop> {
        let mut rows = vec![Vec::new()];
        for _ in 0..MOST_ITEMS {
            match self.peek() {
                Some(Tok::End) => {
                    self.at += 1;
                    rows.retain(|row| !row.is_empty());
                    return if rows.is_empty() { Err(Stop::Undefined) } else { Ok(Expr::Matrix(rows)) };
                }
                Some(Tok::Row) => {
                    self.at += 1;
                    rows.push(Vec::new());
                }
                Some(Tok::Column) => self.at += 1,
                _ => {
                    let entry = self.sum()?;
                    rows.last_mut().ok_or(Stop::Undefined)?.push(entry);
                }
            }
        }
        Err(Stop::TooMuch("entries"))
    }
}

/// Whether a token relates two sides.
pub(super) fn relation(token: &Token) -> Option<Relation> {
    if let Tok::Relation(relation) = token.tok { Some(relation) } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::lexer::{Reading, lex};
    use super::*;

    fn parsed(text: &str) -> Result<Expr, Stop> {
        parse(&lex(text, Reading::default())?.tokens)
    }

    #[test]
    fn spellings_of_an_expression_are_one_tree() {
        for (one, other) in [
            (r"\frac12", r"\dfrac{1}{2}"),
            (r"\frac1{72}", r"\frac{1}{72}"),
            (r"2\frac{1}{3}", "2 1/3"),
            (r"\sqrt 2", "sqrt(2)"),
            (r"\sqrt[3]{x}", "∛x"),
            (r"x^2_{ij}", "x_{ij}^2"),
            (r"\sin^{-1} a", r"\arcsin(a)"),
            (r"\sin\left\{\theta\right\}", r"\sin \theta"),
            ("2**n", "2^n"),
            (r"\left|x\right|", r"\lvert x\rvert"),
            (r"\mathrm{e}^x", "e^{x}"),
        ] {
            assert_eq!(parsed(one), parsed(other), "{one} {other}");
            assert!(parsed(one).is_ok(), "{one}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in ["", "^", r"\frac", r"\sqrt", "(1", "1)", "a,b", r"\begin{pmatrix}1", "2 3", "hello", "😀7"] {
            assert_eq!(parsed(text), Err(Stop::Undefined), "{text}");
        }
        for open in ["(", "{", r"\frac{", r"\sqrt{", "2^{", "|(", r"\sin "] {
            assert_eq!(parsed(&open.repeat(200)), Err(Stop::TooMuch("nesting")), "{open}");
        }
        assert_eq!(parsed(&("-".repeat(2000) + "1")), Ok(Expr::integer(1)));
    }
}
