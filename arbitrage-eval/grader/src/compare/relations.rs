//! Compares equations and inequalities.

use dashu_ratio::RBig;

use super::super::answer::{ParsedAnswer, Quantity, RelationChain};
use super::super::canonical::scalar;
use super::super::expression::Expr;
use super::super::limits::Abort;
use super::super::numeric_equality;
use super::super::polynomial::Poly;
use super::super::token::Relation;
use super::AnswerComparison;

/// One relation of a chain, as a difference that is compared with 0.
struct DifferenceRelation {
    /// Equal, unequal, greater, or at least.
    relation: Relation,
    difference: Poly,
}

/// An end of an interval.
struct Bound {
    expr: Expr,
    /// Whether the end itself is outside the interval.
    strict: bool,
}

impl RelationChain {
    pub(super) fn is_equation(&self) -> bool {
        self.relations == [Relation::Equal]
    }
}

impl AnswerComparison {
    /// Whether two chains state the same relations, in any order.
    pub(super) fn chains(&mut self, one: &RelationChain, other: &RelationChain) -> Result<bool, Abort> {
        let (Some(one), Some(mut other)) = (self.differences(one)?, self.differences(other)?) else { return Ok(false) };
        if one.len() != other.len() {
            return Ok(false);
        }
        for relation in one {
            let mut partner = None;
            for (at, candidate) in other.iter().enumerate() {
                if relation.relation == candidate.relation && self.equivalent(&relation, candidate)? {
                    partner = Some(at);
                    break;
                }
            }
            match partner {
                Some(at) => other.swap_remove(at),
                None => return Ok(false),
            };
        }
        Ok(true)
    }

    /// Each relation of a chain as a difference that is compared with 0. `None` where a side has no value.
    fn differences(&mut self, chain: &RelationChain) -> Result<Option<Vec<DifferenceRelation>>, Abort> {
        let mut found = Vec::new();
        for (pair, relation) in chain.sides.windows(2).zip(&chain.relations) {
            let (left, right) = match (scalar(&pair[0], &mut self.work), scalar(&pair[1], &mut self.work)) {
                (Ok(left), Ok(right)) => (left, right),
                (Err(abort @ Abort::TooComplex(_)), _) | (_, Err(abort @ Abort::TooComplex(_))) => return Err(abort),
                _ => return Ok(None),
            };
            found.push(match relation {
                Relation::Less => DifferenceRelation { relation: Relation::Greater, difference: right.minus(&left)? },
                Relation::AtMost => DifferenceRelation { relation: Relation::AtLeast, difference: right.minus(&left)? },
                other => DifferenceRelation { relation: *other, difference: left.minus(&right)? },
            });
        }
        Ok(Some(found))
    }

    /// Whether one difference is a constant multiple of the other. For inequalities the multiple must be positive.
    fn equivalent(&mut self, one: &DifferenceRelation, other: &DifferenceRelation) -> Result<bool, Abort> {
        let is_inequality = matches!(one.relation, Relation::Greater | Relation::AtLeast);
        let (one, other) = (&one.difference, &other.difference);
        let (Some(first), Some(other_first)) = (one.0.values().next(), other.0.values().next()) else {
            return Ok(one.is_zero() && other.is_zero());
        };
        let ratio = first / other_first;
        if *one == other.scaled(&ratio)? {
            return Ok(!is_inequality || ratio > RBig::ZERO);
        }
        let ratio = numeric_equality::constant_ratio(one, other, &mut self.work)?;
        Ok(ratio.is_some_and(|ratio| !is_inequality || ratio > 0.0))
    }

    /// Whether inequalities of one variable state that it lies in the interval with these brackets and ends.
    pub(super) fn interval(
        &mut self,
        chain: &RelationChain,
        (open, close): (char, char),
        ends: &[ParsedAnswer],
    ) -> Result<bool, Abort> {
        let [ParsedAnswer::Value(low), ParsedAnswer::Value(high)] = ends else { return Ok(false) };
        let Some((lower, upper)) = bounds(chain) else { return Ok(false) };
        if (lower.strict, upper.strict) != (open == '(', close == '(') {
            return Ok(false);
        }
        Ok(self.quantities(&Quantity::bare(lower.expr), low)?.0
            && self.quantities(&Quantity::bare(upper.expr), high)?.0)
    }
}

/// The lower and the upper bound that a chain of inequalities puts on one variable.
fn bounds(chain: &RelationChain) -> Option<(Bound, Bound)> {
    let ascends = |relation: &Relation| matches!(relation, Relation::Less | Relation::AtMost);
    let descends = |relation: &Relation| matches!(relation, Relation::Greater | Relation::AtLeast);
    let is_strict = |relation: &Relation| matches!(relation, Relation::Less | Relation::Greater);
    let mut sides = chain.sides.clone();
    let mut strict: Vec<bool> = chain.relations.iter().map(is_strict).collect();
    if chain.relations.iter().all(descends) {
        sides.reverse();
        strict.reverse();
    } else if !chain.relations.iter().all(ascends) {
        return None;
    }
    let infinity = Expr::Name("infty".to_owned());
    let bound = |expr: &Expr, strict: bool| Bound { expr: expr.clone(), strict };
    match sides.as_slice() {
        [low, Expr::Name(_), high] => Some((bound(low, strict[0]), bound(high, strict[1]))),
        [Expr::Name(_), high] => Some((bound(&infinity.negated(), true), bound(high, strict[0]))),
        [low, Expr::Name(_)] => Some((bound(low, strict[0]), bound(&infinity, true))),
        _ => None,
    }
}
