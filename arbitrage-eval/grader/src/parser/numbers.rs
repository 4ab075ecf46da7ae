//! Parses numbers of several tokens: in a base, mixed numbers, and the parts of fractions without braces.

use dashu_ratio::RBig;

use super::super::expression::Expr;
use super::super::limits::Abort;
use super::super::token::{MathToken, SpacedToken};
use super::ExprParser;

impl ExprParser {
    pub(super) fn number(&mut self, value: RBig, digits: String) -> Result<Expr, Abort> {
        if self.peek() == Some(&MathToken::Op('_')) {
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

    /// A fraction of whole numbers below one. After a whole number, both form a mixed number.
    pub(super) fn proper_fraction(&mut self) -> Option<RBig> {
        let whole = |token: &MathToken| match token {
            MathToken::Number(value, _) if value.is_int() => Some(value.clone()),
            _ => None,
        };
        let (over, under) = if self.eat(&MathToken::Frac) {
            let mut part = || match self.part_of_fraction() {
                Ok(Expr::Number(value)) if value.is_int() => Some(value),
                _ => None,
            };
            (part()?, part()?)
        } else {
            let next = self.tokens.get(self.at).filter(|token| token.after_space)?;
            let over = whole(&next.token)?;
            self.at += 1;
            if !self.eat_op('/') {
                return None;
            }
            let under = whole(self.peek()?)?;
            self.at += 1;
            (over, under)
        };
        (over > RBig::ZERO && over < under && self.peek() != Some(&MathToken::Op('^'))).then(|| over / under)
    }

    /// A numerator or denominator. Without braces it is a single digit, as in LaTeX.
    pub(super) fn part_of_fraction(&mut self) -> Result<Expr, Abort> {
        if let Some(MathToken::Number(_, digits)) = self.peek()
            && digits.len() > 1
            && digits.bytes().all(|c| c.is_ascii_digit())
        {
            let digits = digits.clone();
            let number = |text: &str| -> Result<SpacedToken, Abort> {
                let value = text.parse().map_err(|_| Abort::Undefined)?;
                Ok(SpacedToken { token: MathToken::Number(value, text.to_owned()), after_space: false })
            };
            self.tokens[self.at] = number(&digits[..1])?;
            self.tokens.insert(self.at + 1, number(&digits[1..])?);
        }
        self.argument()
    }
}
