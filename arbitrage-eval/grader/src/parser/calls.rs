//! Functions with their arguments, and operators over ranges.

use super::super::expr::Expr;
use super::super::limits::Stop;
use super::super::token::{Func, Tok};
use super::Parser;

impl Parser {
    pub(super) fn call(&mut self, func: Func) -> Result<Expr, Stop> {
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

    pub(super) fn function_argument(&mut self) -> Result<Expr, Stop> {
        if matches!(self.peek(), Some(Tok::Open('(' | '[' | 'S' | '{'))) {
            return self.primary();
        }
        let mut factors = vec![self.power()?];
        while self.begins_factor() && !matches!(self.peek(), Some(Tok::Func(_) | Tok::Big(_))) {
            factors.push(self.power()?);
        }
        Ok(if factors.len() == 1 { factors.swap_remove(0) } else { Expr::Product(factors) })
    }

    /// A sum or the like: its range as text, its upper end and its body.
    pub(super) fn big(&mut self, name: &str) -> Result<Expr, Stop> {
        let (mut name, mut parts) = (name.to_owned(), Vec::new());
        loop {
            if self.peek() == Some(&Tok::Op('_')) {
                name += &self.subscript()?;
            } else if self.eat_op('^') {
                parts.push(self.exponent()?);
            } else {
                break;
            }
        }
        if self.eat(&Tok::Open('(')) {
            parts.push(self.sum()?);
            while self.eat_op(',') {
                parts.push(self.sum()?);
            }
            self.expect(&Tok::Close('('))?;
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
