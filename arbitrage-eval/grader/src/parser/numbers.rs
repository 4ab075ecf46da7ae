//! Numbers of several tokens: in a base, mixed, and without braces in fractions.

use dashu_ratio::RBig;

use super::super::expr::Expr;
use super::super::limits::Stop;
use super::super::token::{Tok, Token};
use super::Parser;

impl Parser {
    pub(super) fn number(&mut self, value: RBig, digits: String) -> Result<Expr, Stop> {
        if self.peek() == Some(&Tok::Op('_')) {
            return Ok(Expr::Based(digits, self.subscript()?));
        }
        let back = self.at;
        if value.is_int()
            && let Some(part) = self.proper_fraction()
        {
            return Ok(Expr::Number(value + part));
        }
        self.at = back;
        Ok(Expr::Number(value))
    }

    /// A fraction of whole numbers below one, right behind a whole number: both are a mixed number.
    pub(super) fn proper_fraction(&mut self) -> Option<RBig> {
        let whole = |tok: &Tok| match tok {
            Tok::Number(value, _) if value.is_int() => Some(value.clone()),
            _ => None,
        };
        let (over, under) = if self.eat(&Tok::Frac) {
            let mut part = || match self.part_of_fraction() {
                Ok(Expr::Number(value)) if value.is_int() => Some(value),
                _ => None,
            };
            (part()?, part()?)
        } else {
            let next = self.tokens.get(self.at).filter(|token| token.gap)?;
            let over = whole(&next.tok)?;
            self.at += 1;
            if !self.eat_op('/') {
                return None;
            }
            let under = whole(self.peek()?)?;
            self.at += 1;
            (over, under)
        };
        (over > RBig::ZERO && over < under && self.peek() != Some(&Tok::Op('^'))).then(|| over / under)
    }

    /// A numerator or denominator. Without braces it is one digit, as in LaTeX.
    pub(super) fn part_of_fraction(&mut self) -> Result<Expr, Stop> {
        if let Some(Tok::Number(_, digits)) = self.peek()
            && digits.len() > 1
            && digits.bytes().all(|c| c.is_ascii_digit())
        {
            let digits = digits.clone();
            let number = |text: &str| -> Result<Token, Stop> {
                Ok(Token { tok: Tok::Number(text.parse().map_err(|_| Stop::Undefined)?, text.to_owned()), gap: false })
            };
            self.tokens[self.at] = number(&digits[..1])?;
            self.tokens.insert(self.at + 1, number(&digits[1..])?);
        }
        self.argument()
    }
}
