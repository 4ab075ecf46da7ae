//! Parses functions with their arguments, and operators over a range.

use super::super::expression::Expr;
use super::super::limits::Abort;
use super::super::token::{Func, MathToken};
use super::ExprParser;

impl ExprParser {
    pub(super) fn call(&mut self, func: Func) -> Result<Expr, Abort> {
        let (mut func, mut exponent, mut base) = (func, None, None);
        loop {
            if self.eat_op('^') {
                exponent = Some(self.exponent()?);
            } else if self.eat_op('_') {
                base = Some(self.argument()?);
            } else {
                break;
            }
        }
        if let (Some(power), Some(inverse)) = (&exponent, func.inverse())
            && *power == Expr::integer(-1)
        {
            (func, exponent) = (inverse, None);
        }
        self.functions += 1;
        let argument = self.function_argument();
        self.functions -= 1;
        let found = applied(func, argument?, base);
        Ok(match exponent {
            Some(exponent) => found.power(exponent),
            None => found,
        })
    }

    pub(super) fn function_argument(&mut self) -> Result<Expr, Abort> {
        if matches!(self.peek(), Some(MathToken::Open('(' | '[' | 'S' | '{'))) {
            return self.primary();
        }
        let mut factors = vec![self.power()?];
        while self.begins_factor() && !matches!(self.peek(), Some(MathToken::Func(_) | MathToken::Big(_))) {
            factors.push(self.power()?);
        }
        Ok(if factors.len() == 1 { factors.swap_remove(0) } else { Expr::Product(factors) })
    }

    /// A sum, limit or integral. Its lower end becomes part of its name, its upper end and its body become its parts.
    pub(super) fn big(&mut self, name: &str) -> Result<Expr, Abort> {
        let (mut name, mut parts) = (name.to_owned(), Vec::new());
        loop {
            if self.peek() == Some(&MathToken::Op('_')) {
                name += &self.subscript()?;
            } else if self.eat_op('^') {
                parts.push(self.exponent()?);
            } else {
                break;
            }
        }
        if self.eat(&MathToken::Open('(')) {
            parts.push(self.sum()?);
            while self.eat_op(',') {
                parts.push(self.sum()?);
            }
            self.expect(&MathToken::Close('('))?;
        } else {
            parts.push(self.deeper(Self::product)?);
        }
        Ok(Expr::Opaque(name, parts))
    }
}

fn applied(func: Func, argument: Expr, base: Option<Expr>) -> Expr {
    let ln = |of: Expr| Expr::Call(Func::Ln, vec![of]);
    match (func, base) {
        (Func::Exp, _) => Expr::Name("e".to_owned()).power(argument),
        (Func::Log, Some(base)) => ln(argument).over(ln(base)),
        (Func::Lg, _) => ln(argument).over(ln(Expr::integer(10))),
        (Func::Log, None) => ln(argument),
        (func, _) => Expr::Call(func, vec![argument]),
    }
}
