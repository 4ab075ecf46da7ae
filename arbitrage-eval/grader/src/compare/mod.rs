//! Decides whether two parsed answers are equal.

mod relations;

use std::collections::BTreeSet;

use dashu_ratio::RBig;

use super::answer::{ParsedAnswer, Quantity};
use super::canonical::{CanonicalForm, canonical};
use super::expression::Expr;
use super::limits::{Abort, WorkBudget};
use super::numeric_equality;
use super::polynomial::Poly;
use super::units::MeasurementUnit;
use super::verdict::{GradingRule, Leniency};

/// A comparison in progress: what it may still cost, and the differences that it has overlooked.
pub(super) struct AnswerComparison {
    work: WorkBudget,
    /// Greatest absolute difference between equal numbers.
    tolerance: f64,
    pub flags: BTreeSet<Leniency>,
}

/// Whether two answers are equal, and the rule that decided.
type EqualityDecision = Result<(bool, GradingRule), Abort>;

impl AnswerComparison {
    pub(crate) fn new(tolerance: f64) -> Self {
        Self { work: WorkBudget::new(), tolerance, flags: BTreeSet::new() }
    }

    /// Whether two answers are equal. The order of the arguments does not matter.
    pub(crate) fn equal(&mut self, one: &ParsedAnswer, other: &ParsedAnswer) -> EqualityDecision {
        use ParsedAnswer::{Assign, Chain, Ordered, Ratio, Union, Unordered, Value, Words};
        self.work.spend(1)?;
        match (one, other) {
            (Assign { .. }, _) | (_, Assign { .. }) => self.assignments(one, other),
            (Value(one), Value(other)) => self.quantities(one, other),
            (Ordered(open, close, one), Ordered(other_open, other_close, other)) => {
                let brackets = open == other_open && close == other_close;
                Ok((brackets && self.in_order(one, other)?, GradingRule::Ordered))
            }
            (Ratio(one), Ratio(other)) => Ok((self.in_order(one, other)?, GradingRule::Ordered)),
            (Unordered(one), Unordered(other)) | (Union(one), Union(other)) => {
                Ok((self.in_any_order(one, other)?, GradingRule::Unordered))
            }
            (Chain(one), Chain(other)) => Ok((self.chains(one, other)?, GradingRule::Relation)),
            (Chain(chain), Ordered(open, close, ends)) | (Ordered(open, close, ends), Chain(chain)) => {
                self.flags.insert(Leniency::IntervalAsInequality);
                Ok((self.interval(chain, (*open, *close), ends)?, GradingRule::Relation))
            }
            (Value(value), Ordered('(', '(', members)) | (Ordered('(', '(', members), Value(value)) => {
                Ok((self.vector(value, members)?, GradingRule::Ordered))
            }
            (Words(one), Words(other)) => {
                Ok((without_punctuation(one) == without_punctuation(other), GradingRule::Words))
            }
            (Words(words), Value(value)) | (Value(value), Words(words)) => {
                Ok((without_punctuation(words) == without_punctuation(&value.text), GradingRule::Words))
            }
            _ => Ok((false, GradingRule::Kinds)),
        }
    }

    /// Compares two answers of which at least one is a name with its value.
    fn assignments(&mut self, one: &ParsedAnswer, other: &ParsedAnswer) -> EqualityDecision {
        use ParsedAnswer::{Assign, Chain};
        match (one, other) {
            (
                Assign { name, value, equation },
                Assign { name: other_name, value: other_value, equation: other_equation },
            ) => {
                let same_name = name == other_name;
                let found = if same_name { self.equal(value, other_value)? } else { (false, GradingRule::Relation) };
                match (found.0, equation, other_equation) {
                    (false, Some(one), Some(other)) => Ok((self.chains(one, other)?, GradingRule::Relation)),
                    _ => Ok(found),
                }
            }
            (Assign { equation, .. }, Chain(chain)) | (Chain(chain), Assign { equation, .. }) => match equation {
                Some(equation) if chain.is_equation() => Ok((self.chains(equation, chain)?, GradingRule::Relation)),
                _ => Ok((false, GradingRule::Kinds)),
            },
            (Assign { value, .. }, other) | (other, Assign { value, .. }) => {
                self.flags.insert(Leniency::NameDropped);
                self.equal(value, other)
            }
            _ => Ok((false, GradingRule::Kinds)),
        }
    }

    fn in_order(&mut self, one: &[ParsedAnswer], other: &[ParsedAnswer]) -> Result<bool, Abort> {
        if one.len() != other.len() {
            return Ok(false);
        }
        for (one, other) in one.iter().zip(other) {
            if !self.equal(one, other)?.0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether each member of one side has its own equal member on the other.
    fn in_any_order(&mut self, one: &[ParsedAnswer], other: &[ParsedAnswer]) -> Result<bool, Abort> {
        if one.len() != other.len() {
            return Ok(false);
        }
        let mut unmatched: Vec<&ParsedAnswer> = other.iter().collect();
        for member in one {
            let mut partner = None;
            for (at, candidate) in unmatched.iter().enumerate() {
                if self.equal(member, candidate)?.0 {
                    partner = Some(at);
                    break;
                }
            }
            match partner {
                Some(at) => unmatched.remove(at),
                None => return Ok(false),
            };
        }
        Ok(true)
    }

    fn quantities(&mut self, one: &Quantity, other: &Quantity) -> EqualityDecision {
        use MeasurementUnit::{Known, Percent};
        let hundredth = RBig::ONE / RBig::from(100);
        let (one_scale, other_scale) = match (&one.unit, &other.unit) {
            (
                Some(Known { dimension, power, size }),
                Some(Known { dimension: other_dimension, power: other_power, size: other_size }),
            ) => {
                if (dimension, power) != (other_dimension, other_power) {
                    return Ok((false, GradingRule::Kinds));
                }
                (size.clone(), other_size.clone())
            }
            (Some(Percent), Some(Percent)) | (None, None) => (RBig::ONE, RBig::ONE),
            (Some(Percent), _) | (_, Some(Percent)) => {
                let found = self.scaled_quantities(one, &RBig::ONE, other, &RBig::ONE)?;
                if found.0 {
                    self.flags.insert(Leniency::PercentDropped);
                    return Ok(found);
                }
                if one.unit == Some(Percent) { (hundredth, RBig::ONE) } else { (RBig::ONE, hundredth) }
            }
            _ => {
                self.flags.insert(Leniency::UnitIgnored);
                (RBig::ONE, RBig::ONE)
            }
        };
        self.scaled_quantities(one, &one_scale, other, &other_scale)
    }

    fn scaled_quantities(
        &mut self,
        one: &Quantity,
        one_scale: &RBig,
        other: &Quantity,
        other_scale: &RBig,
    ) -> EqualityDecision {
        if one_scale == other_scale && one.expr == other.expr {
            return Ok((true, GradingRule::Symbols));
        }
        match (&one.expr, &other.expr) {
            (Expr::Based(..), Expr::Based(..)) => return Ok((false, GradingRule::Number)),
            (Expr::Based(digits, _), Expr::Number(number)) | (Expr::Number(number), Expr::Based(digits, _)) => {
                self.flags.insert(Leniency::BaseDropped);
                return Ok((*digits == number.to_string(), GradingRule::Number));
            }
            _ => {}
        }
        match (infinity_sign(&one.expr), infinity_sign(&other.expr)) {
            (None, None) => {}
            (one, other) => return Ok((one == other, GradingRule::Number)),
        }
        let scaled = |expr: &Expr, scale: &RBig| {
            if scale.is_one() { expr.clone() } else { Expr::Product(vec![Expr::Number(scale.clone()), expr.clone()]) }
        };
        self.expressions(&scaled(&one.expr, one_scale), &scaled(&other.expr, other_scale))
    }

    fn expressions(&mut self, one: &Expr, other: &Expr) -> EqualityDecision {
        let forms = (canonical(one, &mut self.work), canonical(other, &mut self.work));
        match forms {
            (Err(abort @ Abort::TooComplex(_)), _) | (_, Err(abort @ Abort::TooComplex(_))) => Err(abort),
            (Ok(CanonicalForm::Scalar(one)), Ok(CanonicalForm::Scalar(other))) => self.scalars(&one, &other),
            (Ok(CanonicalForm::Matrix(one)), Ok(CanonicalForm::Matrix(other))) => {
                let shape = |rows: &[Vec<Poly>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
                if shape(&one) != shape(&other) {
                    return Ok((false, GradingRule::Ordered));
                }
                for (one, other) in one.iter().flatten().zip(other.iter().flatten()) {
                    if !self.scalars(one, other)?.0 {
                        return Ok((false, GradingRule::Ordered));
                    }
                }
                Ok((true, GradingRule::Ordered))
            }
            _ => Ok((false, GradingRule::Kinds)),
        }
    }

    fn scalars(&mut self, one: &Poly, other: &Poly) -> EqualityDecision {
        if self.tolerance > 0.0 && self.within_tolerance(one, other)? {
            return Ok((true, GradingRule::Tolerance));
        }
        if let (Some(one), Some(other)) = (one.number(), other.number()) {
            return Ok((one == other, GradingRule::Number));
        }
        if one == other {
            return Ok((true, GradingRule::Canonical));
        }
        let difference = one.minus(other)?;
        // A constant difference other than 0 is there at every point.
        if difference.number().is_some() {
            return Ok((difference.is_zero(), GradingRule::Canonical));
        }
        Ok((numeric_equality::is_zero_everywhere(&difference, &mut self.work)?, GradingRule::Points))
    }

    /// Whether two different numbers are within the tolerance. The factor allows for rounding where decimals differ by exactly the
    /// tolerance, as 0.3 and 0.2 with a tolerance of 0.1.
    fn within_tolerance(&mut self, one: &Poly, other: &Poly) -> Result<bool, Abort> {
        if one == other {
            return Ok(false);
        }
        let difference = numeric_equality::real_value(&one.minus(other)?, &mut self.work)?;
        Ok(difference.is_some_and(|difference| difference.abs() <= self.tolerance * (1.0 + 1e-9)))
    }

    /// Whether a matrix of one row or column has the members of a tuple.
    fn vector(&mut self, value: &Quantity, members: &[ParsedAnswer]) -> Result<bool, Abort> {
        let Expr::Matrix(rows) = &value.expr else { return Ok(false) };
        let one_column = rows.iter().all(|row| row.len() == 1);
        if rows.len() != 1 && !one_column {
            return Ok(false);
        }
        self.flags.insert(Leniency::VectorAsTuple);
        let entry = |expr: &Expr| ParsedAnswer::Value(Quantity::bare(expr.clone()));
        let entries: Vec<ParsedAnswer> = rows.iter().flatten().map(entry).collect();
        self.in_order(&entries, members)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Infinity {
    Positive,
    Negative,
}

/// Which infinity an expression is. `None` for anything else.
fn infinity_sign(expr: &Expr) -> Option<Infinity> {
    let is_infinity = |expr: &Expr| matches!(expr, Expr::Name(name) if name == "infty");
    match expr {
        Expr::Product(parts) if parts.len() == 2 && is_infinity(&parts[1]) => match &parts[0] {
            Expr::Number(number) if *number < RBig::ZERO => Some(Infinity::Negative),
            Expr::Number(number) if *number > RBig::ZERO => Some(Infinity::Positive),
            _ => None,
        },
        expr => is_infinity(expr).then_some(Infinity::Positive),
    }
}

/// The text without white space, brackets and punctuation.
fn without_punctuation(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '.' | ',' | '\'')).collect()
}
