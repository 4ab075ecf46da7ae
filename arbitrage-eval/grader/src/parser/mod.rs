//! Parses tokens as an expression, by recursive descent with a limit on the depth.

mod calls;
mod numbers;

use super::expression::Expr;
use super::limits::{Abort, MAX_DEPTH, MAX_ITEMS};
use super::token::{Func, MathToken, Relation, SpacedToken};

/// The expression that all of `tokens` form.
pub(super) fn parse_expression(tokens: &[SpacedToken]) -> Result<Expr, Abort> {
    let mut parser = ExprParser { tokens: tokens.to_vec(), at: 0, depth: 0, functions: 0, bars: 0 };
    let found = parser.sum()?;
    if parser.at == parser.tokens.len() { Ok(found) } else { Err(Abort::Undefined) }
}

struct ExprParser {
    tokens: Vec<SpacedToken>,
    at: usize,
    depth: usize,
    /// Number of functions whose argument is being parsed. In there, a degree sign converts to radians.
    functions: usize,
    /// Number of open absolute values. In there, a bar closes one and opens none.
    bars: usize,
}

impl ExprParser {
    fn peek(&self) -> Option<&MathToken> {
        self.tokens.get(self.at).map(|token| &token.token)
    }

    fn eat(&mut self, token: &MathToken) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn eat_op(&mut self, op: char) -> bool {
        self.eat(&MathToken::Op(op))
    }

    fn expect(&mut self, token: &MathToken) -> Result<(), Abort> {
        if self.eat(token) { Ok(()) } else { Err(Abort::Undefined) }
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Abort>) -> Result<T, Abort> {
        if self.depth == MAX_DEPTH {
            return Err(Abort::TooComplex("nesting"));
        }
        self.depth += 1;
        let found = inner(self);
        self.depth -= 1;
        found
    }

    fn sum(&mut self) -> Result<Expr, Abort> {
        let mut terms = vec![self.product()?];
        loop {
            match self.peek().cloned() {
                Some(MathToken::Op(sign @ ('+' | '-'))) => {
                    self.at += 1;
                    let term = self.product()?;
                    terms.push(if sign == '-' { term.negated() } else { term });
                }
                Some(MathToken::PlusMinus(other)) => {
                    self.at += 1;
                    let term = self.product()?;
                    terms.push(Expr::Either(other, Box::new(term)));
                }
                _ => break,
            }
        }
        Ok(if terms.len() == 1 { terms.swap_remove(0) } else { Expr::Sum(terms) })
    }

    fn product(&mut self) -> Result<Expr, Abort> {
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

    /// Whether a factor follows without a multiplication sign.
    fn begins_factor(&self) -> bool {
        let after_number = self.at > 0 && matches!(self.tokens[self.at - 1].token, MathToken::Number(..));
        match self.peek() {
            Some(MathToken::Number(..)) => !after_number,
            Some(MathToken::Word(word)) => word.chars().count() == 1,
            Some(MathToken::Open(kind)) => *kind != '<',
            Some(MathToken::Bar) => self.bars == 0,
            Some(
                MathToken::Name(_)
                | MathToken::Func(_)
                | MathToken::Frac
                | MathToken::Root
                | MathToken::Binomial
                | MathToken::Accent(_)
                | MathToken::Big(_)
                | MathToken::Begin,
            ) => true,
            _ => false,
        }
    }

    fn signed(&mut self) -> Result<Expr, Abort> {
        let (mut negative, mut either) = (false, None);
        while let Some(MathToken::Op('+' | '-') | MathToken::PlusMinus(_)) = self.peek() {
            match self.tokens[self.at].token {
                MathToken::Op('-') => negative = !negative,
                MathToken::PlusMinus(other) => either = Some(other),
                _ => {}
            }
            self.at += 1;
        }
        let found = self.power()?;
        let found = if negative { found.negated() } else { found };
        Ok(either.map_or(found.clone(), |other| Expr::Either(other, Box::new(found))))
    }

    fn power(&mut self) -> Result<Expr, Abort> {
        let mut base = self.postfix()?;
        if self.eat_op('^') {
            let exponent = self.exponent()?;
            if let (Expr::Name(name), Some(MathToken::Op('_'))) = (&base, self.peek()) {
                base = Expr::Name(format!("{name}{}", self.subscript()?));
            }
            base = base.power(exponent);
        }
        self.suffixes(base)
    }

    /// The exponent after `^`.
    fn exponent(&mut self) -> Result<Expr, Abort> {
        self.deeper(|parser| {
            let mut negative = false;
            while let Some(MathToken::Op(sign @ ('+' | '-'))) = parser.peek() {
                negative ^= *sign == '-';
                parser.at += 1;
            }
            let base = parser.argument()?;
            let found = if parser.eat_op('^') { base.power(parser.exponent()?) } else { base };
            Ok(if negative { found.negated() } else { found })
        })
    }

    fn postfix(&mut self) -> Result<Expr, Abort> {
        let found = self.primary()?;
        self.suffixes(found)
    }

    fn suffixes(&mut self, mut found: Expr) -> Result<Expr, Abort> {
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

    fn primary(&mut self) -> Result<Expr, Abort> {
        self.deeper(Self::atom)
    }

    fn atom(&mut self) -> Result<Expr, Abort> {
        let token = self.peek().cloned().ok_or(Abort::Undefined)?;
        self.at += 1;
        match token {
            MathToken::Number(value, digits) => self.number(value, digits),
            MathToken::Name(name) => self.name(name),
            MathToken::Word(word) if word.chars().count() == 1 => self.name(word),
            MathToken::Func(func) => self.call(func),
            MathToken::Open('F') => self.enclosed(Func::Floor, 'F'),
            MathToken::Open('C') => self.enclosed(Func::Ceil, 'C'),
            MathToken::Open(kind) if kind != '<' => {
                let bars = std::mem::take(&mut self.bars);
                let found = self.sum()?;
                self.bars = bars;
                self.expect(&MathToken::Close(kind))?;
                Ok(found)
            }
            MathToken::Bar => {
                self.bars += 1;
                let found = self.sum()?;
                self.bars -= 1;
                self.expect(&MathToken::Bar)?;
                Ok(Expr::Call(Func::Abs, vec![found]))
            }
            MathToken::Frac => {
                let over = self.part_of_fraction()?;
                Ok(over.over(self.part_of_fraction()?))
            }
            MathToken::Binomial => {
                let over = self.part_of_fraction()?;
                Ok(Expr::Call(Func::Binomial, vec![over, self.part_of_fraction()?]))
            }
            MathToken::Root => self.root(),
            MathToken::Accent(accent) => {
                let under = self.argument_as_text()?;
                self.name(format!("{accent} {under}"))
            }
            MathToken::Big(name) => self.big(name),
            MathToken::Begin => self.matrix(),
            _ => Err(Abort::Undefined),
        }
    }

    fn enclosed(&mut self, func: Func, kind: char) -> Result<Expr, Abort> {
        let found = self.sum()?;
        self.expect(&MathToken::Close(kind))?;
        Ok(Expr::Call(func, vec![found]))
    }

    fn name(&mut self, name: String) -> Result<Expr, Abort> {
        let mut name = name;
        if self.peek() == Some(&MathToken::Op('_')) {
            name += &self.subscript()?;
        }
        while self.eat_op('\'') {
            name.push('\'');
        }
        Ok(Expr::Name(name))
    }

    /// `_` and the subscript, as text.
    fn subscript(&mut self) -> Result<String, Abort> {
        self.expect(&MathToken::Op('_'))?;
        Ok(format!("_{}", self.argument_as_text()?))
    }

    /// A group, or else one token, as text.
    fn argument_as_text(&mut self) -> Result<String, Abort> {
        let (mut depth, mut text) = (0usize, String::new());
        loop {
            match self.peek().ok_or(Abort::Undefined)? {
                MathToken::Open('{') => depth += 1,
                MathToken::Close('{') => depth = depth.checked_sub(1).ok_or(Abort::Undefined)?,
                other => text += &other.to_text(),
            }
            self.at += 1;
            if depth == 0 {
                return Ok(text);
            }
        }
    }

    /// A group, or else one atom without the suffixes that follow it.
    fn argument(&mut self) -> Result<Expr, Abort> {
        match self.peek().cloned() {
            Some(MathToken::Number(value, _)) => {
                self.at += 1;
                Ok(Expr::Number(value))
            }
            _ => self.primary(),
        }
    }

    fn root(&mut self) -> Result<Expr, Abort> {
        let mut degree = Expr::integer(2);
        if self.eat(&MathToken::Open('[')) {
            degree = self.sum()?;
            self.expect(&MathToken::Close('['))?;
        }
        Ok(self.argument()?.power(degree.inverse()))
    }

    fn matrix(&mut self) -> Result<Expr, Abort> {
        let mut rows = vec![Vec::new()];
        for _ in 0..MAX_ITEMS {
            match self.peek() {
                Some(MathToken::End) => {
                    self.at += 1;
                    rows.retain(|row| !row.is_empty());
                    return if rows.is_empty() { Err(Abort::Undefined) } else { Ok(Expr::Matrix(rows)) };
                }
                Some(MathToken::Row) => {
                    self.at += 1;
                    rows.push(Vec::new());
                }
                Some(MathToken::Column) => self.at += 1,
                _ => {
                    let entry = self.sum()?;
                    rows.last_mut().ok_or(Abort::Undefined)?.push(entry);
                }
            }
        }
        Err(Abort::TooComplex("entries"))
    }
}

/// The relation that a token is.
pub(super) fn relation(token: &SpacedToken) -> Option<Relation> {
    if let MathToken::Relation(relation) = token.token { Some(relation) } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::lexer::{LexOptions, lex};
    use super::*;

    fn parsed(text: &str) -> Result<Expr, Abort> {
        parse_expression(&lex(text, LexOptions::default())?.tokens)
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
    fn other_text_is_refused() {
        for text in ["", "^", r"\frac", r"\sqrt", "(1", "1)", "a,b", r"\begin{pmatrix}1", "2 3", "hello", "😀7"] {
            assert_eq!(parsed(text), Err(Abort::Undefined), "{text}");
        }
        for open in ["(", "{", r"\frac{", r"\sqrt{", "2^{", "|(", r"\sin "] {
            assert_eq!(parsed(&open.repeat(200)), Err(Abort::TooComplex("nesting")), "{open}");
        }
        assert_eq!(parsed(&("-".repeat(2000) + "1")), Ok(Expr::integer(1)));
    }
}
