//! Equations and inequalities.

use dashu_ratio::RBig;

use super::super::answer::{Answer, Value};
use super::super::canon::scalar;
use super::super::expr::Expr;
use super::super::limits::Stop;
use super::super::poly::Poly;
use super::super::probe;
use super::super::token::Relation;
use super::super::verdict::Rule;
use super::{Comparison, Outcome};

impl Comparison {
    pub(super) fn equations(&mut self, one: &(Expr, Expr), other: &(Expr, Expr)) -> Outcome {
        let one = (vec![one.0.clone(), one.1.clone()], vec![Relation::Equal]);
        let other = (vec![other.0.clone(), other.1.clone()], vec![Relation::Equal]);
        Ok((self.chains((&one.0, &one.1), (&other.0, &other.1))?, Rule::Relation))
    }

    pub(super) fn chains(&mut self, one: (&[Expr], &[Relation]), other: (&[Expr], &[Relation])) -> Result<bool, Stop> {
        let (Some(one), Some(mut other)) = (self.links(one)?, self.links(other)?) else { return Ok(false) };
        if one.len() != other.len() {
            return Ok(false);
        }
        for (relation, difference) in one {
            let mut partner = None;
            for (at, (other_relation, other_difference)) in other.iter().enumerate() {
                if relation == *other_relation && self.proportional(relation, &difference, other_difference)? {
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

    /// Each link as a relation of a difference with 0: equal, unequal, above 0, or at least 0. `None` where one has no value.
    fn links(&mut self, (sides, relations): (&[Expr], &[Relation])) -> Result<Option<Vec<(Relation, Poly)>>, Stop> {
        let mut found = Vec::new();
        for (pair, relation) in sides.windows(2).zip(relations) {
            let (left, right) = match (scalar(&pair[0], &mut self.work), scalar(&pair[1], &mut self.work)) {
                (Ok(left), Ok(right)) => (left, right),
                (Err(stop @ Stop::TooMuch(_)), _) | (_, Err(stop @ Stop::TooMuch(_))) => return Err(stop),
                _ => return Ok(None),
            };
            let difference = match relation {
                Relation::Less | Relation::AtMost => right.minus(&left)?,
                _ => left.minus(&right)?,
            };
            found.push((
                match relation {
                    Relation::Less => Relation::Greater,
                    Relation::AtMost => Relation::AtLeast,
                    other => *other,
                },
                difference,
            ));
        }
        Ok(Some(found))
    }

    fn proportional(&mut self, relation: Relation, one: &Poly, other: &Poly) -> Result<bool, Stop> {
        let directed = matches!(relation, Relation::Greater | Relation::AtLeast);
        let (Some(first), Some(other_first)) = (one.0.values().next(), other.0.values().next()) else {
            return Ok(one.is_zero() && other.is_zero());
        };
        let factor = first / other_first;
        if *one == other.scaled(&factor)? {
            return Ok(!directed || factor > RBig::ZERO);
        }
        let factor = probe::factor(one, other, &mut self.work)?;
        Ok(factor.is_some_and(|factor| !directed || factor > 0.0))
    }

    /// Whether inequalities of one variable say that it lies in an interval.
    pub(super) fn interval(
        &mut self,
        (sides, relations): (&[Expr], &[Relation]),
        (open, close, ends): (char, char, &[Answer]),
    ) -> Result<bool, Stop> {
        let [Answer::Value(low), Answer::Value(high)] = ends else { return Ok(false) };
        let up = |relation: &Relation| matches!(relation, Relation::Less | Relation::AtMost);
        let down = |relation: &Relation| matches!(relation, Relation::Greater | Relation::AtLeast);
        let mut sides: Vec<Expr> = sides.to_vec();
        let mut strict: Vec<bool> =
            relations.iter().map(|relation| matches!(relation, Relation::Less | Relation::Greater)).collect();
        if relations.iter().all(down) {
            sides.reverse();
            strict.reverse();
        } else if !relations.iter().all(up) {
            return Ok(false);
        }
        let infinity = Expr::Name("infty".to_owned());
        let (least, greatest) = match sides.as_slice() {
            [low, Expr::Name(_), high] => ((low.clone(), strict[0]), (high.clone(), strict[1])),
            [Expr::Name(_), high] => ((infinity.negated(), true), (high.clone(), strict[0])),
            [low, Expr::Name(_)] => ((low.clone(), strict[0]), (infinity, true)),
            _ => return Ok(false),
        };
        if (least.1, greatest.1) != (open == '(', close == '(') {
            return Ok(false);
        }
        let end = |expr: Expr| Value { expr, unit: None, text: String::new() };
        Ok(self.values(&end(least.0), low)?.0 && self.values(&end(greatest.0), high)?.0)
    }
}
