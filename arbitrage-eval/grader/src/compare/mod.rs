//! Whether two answers are equal.

mod relations;

use std::collections::BTreeSet;

use dashu_ratio::RBig;

use super::answer::{Answer, Value};
use super::canon::{Form, canonical};
use super::expr::Expr;
use super::limits::{Stop, Work};
use super::poly::Poly;
use super::probe;
use super::token::Relation;
use super::units::Unit;
use super::verdict::{Flag, Rule};

/// One comparison under way.
pub(super) struct Comparison {
    work: Work,
    /// Greatest absolute difference between equal numbers.
    tolerance: f64,
    pub flags: BTreeSet<Flag>,
}

/// Whether two answers are equal, and which rule says so.
type Outcome = Result<(bool, Rule), Stop>;

impl Comparison {
    pub fn new(tolerance: f64) -> Self {
        Self { work: Work::new(), tolerance, flags: BTreeSet::new() }
    }

    /// Symmetric: what is equal to what does not depend on the order.
    pub fn same(&mut self, one: &Answer, other: &Answer) -> Outcome {
        use Answer::{Assign, Chain, Ordered, Ratio, Union, Unordered, Value, Words};
        self.work.spend(1)?;
        match (one, other) {
            (Assign(name, value, sides), Assign(other_name, other_value, other_sides)) => {
                let found = if name == other_name { self.same(value, other_value)? } else { (false, Rule::Relation) };
                match (found.0, sides, other_sides) {
                    (false, Some(one), Some(other)) => self.equations(one, other),
                    _ => Ok(found),
                }
            }
            (Assign(_, _, Some(sides)), Chain(chain, relations))
            | (Chain(chain, relations), Assign(_, _, Some(sides)))
                if *relations == [Relation::Equal] =>
            {
                self.equations(sides, &(chain[0].clone(), chain[1].clone()))
            }
            (Assign(_, value, _), other) | (other, Assign(_, value, _)) if !matches!(other, Chain(..)) => {
                self.flags.insert(Flag::NameDropped);
                self.same(value, other)
            }
            (Value(one), Value(other)) => self.values(one, other),
            (Ordered(open, close, one), Ordered(other_open, other_close, other)) => {
                let brackets = open == other_open && close == other_close;
                Ok((brackets && self.in_order(one, other)?, Rule::Ordered))
            }
            (Ratio(one), Ratio(other)) => Ok((self.in_order(one, other)?, Rule::Ordered)),
            (Unordered(one), Unordered(other)) | (Union(one), Union(other)) => {
                Ok((self.in_any_order(one, other)?, Rule::Unordered))
            }
            (Chain(one, relations), Chain(other, others)) => {
                Ok((self.chains((one, relations), (other, others))?, Rule::Relation))
            }
            (Chain(chain, relations), Ordered(open, close, ends))
            | (Ordered(open, close, ends), Chain(chain, relations)) => {
                self.flags.insert(Flag::IntervalAsInequality);
                Ok((self.interval((chain, relations), (*open, *close, ends))?, Rule::Relation))
            }
            (Value(value), Ordered('(', '(', members)) | (Ordered('(', '(', members), Value(value)) => {
                Ok((self.vector(value, members)?, Rule::Ordered))
            }
            (Words(one), Words(other)) => Ok((bare(one) == bare(other), Rule::Words)),
            (Words(words), Value(value)) | (Value(value), Words(words)) => {
                Ok((bare(words) == bare(&value.text), Rule::Words))
            }
            _ => Ok((false, Rule::Kinds)),
        }
    }

    fn in_order(&mut self, one: &[Answer], other: &[Answer]) -> Result<bool, Stop> {
        if one.len() != other.len() {
            return Ok(false);
        }
        for (one, other) in one.iter().zip(other) {
            if !self.same(one, other)?.0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Each member has a partner of its own.
    fn in_any_order(&mut self, one: &[Answer], other: &[Answer]) -> Result<bool, Stop> {
        if one.len() != other.len() {
            return Ok(false);
        }
        let mut left: Vec<&Answer> = other.iter().collect();
        for member in one {
            let mut partner = None;
            for (at, candidate) in left.iter().enumerate() {
                if self.same(member, candidate)?.0 {
                    partner = Some(at);
                    break;
                }
            }
            match partner {
                Some(at) => left.remove(at),
                None => return Ok(false),
            };
        }
        Ok(true)
    }

    fn values(&mut self, one: &Value, other: &Value) -> Outcome {
        let by_hundred = RBig::ONE / RBig::from(100);
        let (one_scale, other_scale) = match (&one.unit, &other.unit) {
            (Some(Unit::Known(kind, power, size)), Some(Unit::Known(other_kind, other_power, other_size))) => {
                if (kind, power) != (other_kind, other_power) {
                    return Ok((false, Rule::Kinds));
                }
                (size.clone(), other_size.clone())
            }
            (Some(Unit::Percent), Some(Unit::Percent)) | (None, None) => (RBig::ONE, RBig::ONE),
            (Some(Unit::Percent), _) | (_, Some(Unit::Percent)) => {
                let found = self.scaled_values(one, other, &RBig::ONE, &RBig::ONE)?;
                if found.0 {
                    self.flags.insert(Flag::PercentDropped);
                    return Ok(found);
                }
                if one.unit == Some(Unit::Percent) { (by_hundred, RBig::ONE) } else { (RBig::ONE, by_hundred) }
            }
            _ => {
                self.flags.insert(Flag::UnitIgnored);
                (RBig::ONE, RBig::ONE)
            }
        };
        self.scaled_values(one, other, &one_scale, &other_scale)
    }

    fn scaled_values(&mut self, one: &Value, other: &Value, by: &RBig, other_by: &RBig) -> Outcome {
        if by == other_by && one.expr == other.expr {
            return Ok((true, Rule::Symbols));
        }
        match (&one.expr, &other.expr) {
            (Expr::Based(..), Expr::Based(..)) => return Ok((false, Rule::Number)),
            (Expr::Based(digits, _), Expr::Number(number)) | (Expr::Number(number), Expr::Based(digits, _)) => {
                self.flags.insert(Flag::BaseDropped);
                return Ok((*digits == number.to_string(), Rule::Number));
            }
            _ => {}
        }
        match (infinite(&one.expr), infinite(&other.expr)) {
            (None, None) => {}
            (one, other) => return Ok((one == other, Rule::Number)),
        }
        let scaled = |expr: &Expr, by: &RBig| {
            if by.is_one() { expr.clone() } else { Expr::Product(vec![Expr::Number(by.clone()), expr.clone()]) }
        };
        self.expressions(&scaled(&one.expr, by), &scaled(&other.expr, other_by))
    }

    fn expressions(&mut self, one: &Expr, other: &Expr) -> Outcome {
        let forms = (canonical(one, &mut self.work), canonical(other, &mut self.work));
        match forms {
            (Err(stop @ Stop::TooMuch(_)), _) | (_, Err(stop @ Stop::TooMuch(_))) => Err(stop),
            (Ok(Form::Scalar(one)), Ok(Form::Scalar(other))) => self.scalars(&one, &other),
            (Ok(Form::Matrix(one)), Ok(Form::Matrix(other))) => {
                let shape = |rows: &[Vec<Poly>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
                if shape(&one) != shape(&other) {
                    return Ok((false, Rule::Ordered));
                }
                for (one, other) in one.iter().flatten().zip(other.iter().flatten()) {
                    if !self.scalars(one, other)?.0 {
                        return Ok((false, Rule::Ordered));
                    }
                }
                Ok((true, Rule::Ordered))
            }
            _ => Ok((false, Rule::Kinds)),
        }
    }

    fn scalars(&mut self, one: &Poly, other: &Poly) -> Outcome {
        if self.tolerance > 0.0 && self.close(one, other)? {
            return Ok((true, Rule::Tolerance));
        }
        if let (Some(one), Some(other)) = (one.number(), other.number()) {
            return Ok((one == other, Rule::Number));
        }
        if one == other {
            return Ok((true, Rule::Canonical));
        }
        let difference = one.minus(other)?;
        // A difference that is a number other than 0 is there everywhere.
        if difference.number().is_some() {
            return Ok((difference.is_zero(), Rule::Canonical));
        }
        Ok((probe::vanishes(&difference, &mut self.work)?, Rule::Points))
    }

    /// Whether two different numbers are within the tolerance, which decimals reach exactly: 0.3 is 0.1 from 0.2.
    fn close(&mut self, one: &Poly, other: &Poly) -> Result<bool, Stop> {
        if one == other {
            return Ok(false);
        }
        let apart = probe::number(&one.minus(other)?, &mut self.work)?;
        Ok(apart.is_some_and(|apart| apart.abs() <= self.tolerance * (1.0 + 1e-9)))
    }

    /// Whether a matrix of one row or column has the members of a tuple.
    fn vector(&mut self, value: &Value, members: &[Answer]) -> Result<bool, Stop> {
        let Expr::Matrix(rows) = &value.expr else { return Ok(false) };
        let one_column = rows.iter().all(|row| row.len() == 1);
        if rows.len() != 1 && !one_column {
            return Ok(false);
        }
        self.flags.insert(Flag::VectorAsTuple);
        let entry = |expr: &Expr| Answer::Value(Value { expr: expr.clone(), unit: None, text: String::new() });
        let entries: Vec<Answer> = rows.iter().flatten().map(entry).collect();
        self.in_order(&entries, members)
    }
}

/// The sign of an infinite value.
fn infinite(expr: &Expr) -> Option<bool> {
    let infinity = |expr: &Expr| matches!(expr, Expr::Name(name) if name == "infty");
    match expr {
        Expr::Product(parts) if parts.len() == 2 && infinity(&parts[1]) => match &parts[0] {
            Expr::Number(number) if !number.is_zero() => Some(*number < RBig::ZERO),
            _ => None,
        },
        expr => infinity(expr).then_some(false),
    }
}

/// Words without what stands around and between them.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '.' | ',' | '\'')).collect()
}
