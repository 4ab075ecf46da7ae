//! Canonical forms: sums of products of powers, with exact coefficients.

use std::collections::BTreeMap;

use dashu_int::UBig;
use dashu_int::ops::BitTest;
use dashu_ratio::RBig;

use super::limits::{Abort, MAX_BITS, MAX_EXPANDED_POWER, MAX_TERMS, WorkBudget};
use super::token::Func;

/// A factor of a product, which is raised to a power. The `Debug` text of an opaque atom seeds its values at the sample points, so
/// renaming this type, [`Mono`] or [`Poly`] would change those values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Atom {
    /// A whole number above 1. Its exponent is between 0 and 1.
    Root(UBig),
    /// A variable or constant: `pi`, `e`, `i`.
    Name(String),
    Call(Func, Vec<Poly>),
    /// A sum that is not multiplied out.
    Sum(Poly),
    /// A base with a product of atoms as its exponent. The exponent of the atom itself is the coefficient of that product.
    Exp(Box<Atom>, Mono),
    Opaque(String, Vec<Poly>),
}

/// A product of powers: the exponent of each atom, none of which is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mono(pub BTreeMap<Atom, RBig>);

/// A sum of products: the coefficient of each product, none of which is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Poly(pub BTreeMap<Mono, RBig>);

/// The number itself, unless it has too many bits.
pub(super) fn within_bits(value: RBig) -> Result<RBig, Abort> {
    let bits = value.numerator().bit_len().max(value.denominator().bit_len());
    if bits > MAX_BITS { Err(Abort::TooComplex("bits")) } else { Ok(value) }
}

/// The size of a number in 64-bit words.
fn words(value: &RBig) -> usize {
    (value.numerator().bit_len() + value.denominator().bit_len()) / 64
}

/// The number as an `i64`. `None` where it is a fraction or too large.
pub(super) fn whole(value: &RBig) -> Option<i64> {
    if value.is_int() { i64::try_from(value.numerator()).ok() } else { None }
}

/// `base` to the power of `exponent`. Fails before any work where the result would be too large.
pub(super) fn whole_power(base: &RBig, exponent: i64) -> Result<RBig, Abort> {
    if base.is_one() || exponent == 0 {
        return Ok(RBig::ONE);
    }
    if base.is_zero() {
        return if exponent > 0 { Ok(RBig::ZERO) } else { Err(Abort::Undefined) };
    }
    let bits = base.numerator().bit_len().max(base.denominator().bit_len()) as u64;
    let size = usize::try_from(exponent.unsigned_abs())
        .ok()
        .filter(|size| bits.checked_mul(*size as u64).is_some_and(|bits| bits <= MAX_BITS as u64));
    let power = base.pow(size.ok_or(Abort::TooComplex("a power"))?);
    Ok(if exponent < 0 { RBig::ONE / power } else { power })
}

impl Poly {
    pub(crate) fn constant(value: RBig) -> Self {
        Self::term(Mono::default(), value)
    }

    pub(crate) fn term(mono: Mono, value: RBig) -> Self {
        let mut found = Self::default();
        if !value.is_zero() {
            found.0.insert(mono, value);
        }
        found
    }

    /// One atom to a power.
    pub(crate) fn atom(atom: Atom, exponent: RBig) -> Self {
        Self::term(Mono(BTreeMap::from([(atom, exponent)])), RBig::ONE)
    }

    pub(crate) fn name(name: &str) -> Self {
        Self::atom(Atom::Name(name.to_owned()), RBig::ONE)
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// The value, if it is a number.
    pub(crate) fn number(&self) -> Option<RBig> {
        match self.0.iter().next() {
            None => Some(RBig::ZERO),
            Some((mono, value)) if self.0.len() == 1 && mono.0.is_empty() => Some(value.clone()),
            _ => None,
        }
    }

    /// The only term.
    pub(crate) fn single(&self) -> Option<(&Mono, &RBig)> {
        if self.0.len() == 1 { self.0.iter().next() } else { None }
    }

    /// Adds `other`, `factor` times.
    pub(crate) fn add(&mut self, other: &Self, factor: &RBig) -> Result<(), Abort> {
        for (mono, value) in &other.0 {
            let sum = self.0.remove(mono).unwrap_or(RBig::ZERO) + value * factor;
            if !sum.is_zero() {
                self.0.insert(mono.clone(), within_bits(sum)?);
            }
        }
        Ok(())
    }

    pub(crate) fn minus(&self, other: &Self) -> Result<Self, Abort> {
        let mut found = self.clone();
        found.add(other, &RBig::from(-1))?;
        Ok(found)
    }

    pub(crate) fn scaled(&self, factor: &RBig) -> Result<Self, Abort> {
        let mut found = Self::default();
        found.add(self, factor)?;
        Ok(found)
    }

    pub(crate) fn times(&self, other: &Self, work: &mut WorkBudget) -> Result<Self, Abort> {
        let mut found = Self::default();
        for (one, by) in &self.0 {
            for (two, times) in &other.0 {
                work.spend(1 + words(by) * words(times) / 128)?;
                let (product, inner) = one.times(two)?;
                let term = Self::term(product, within_bits(by * times * inner)?);
                let term = term.multiplied_out(work)?;
                found.add(&term, &RBig::ONE)?;
                if found.0.len() > MAX_TERMS * 4 {
                    return Err(Abort::TooComplex("terms"));
                }
            }
        }
        Ok(found)
    }

    /// Multiplies out the sums of a term whose exponents are 1 or more, where that gives few terms.
    fn multiplied_out(self, work: &mut WorkBudget) -> Result<Self, Abort> {
        let Some((mono, value)) = self.single() else { return Ok(self) };
        let sum = mono.0.iter().find_map(|(atom, exponent)| match atom {
            Atom::Sum(inner) if *exponent >= RBig::ONE => {
                let count = i64::try_from(exponent.floor()).ok().and_then(|count| u32::try_from(count).ok())?;
                let small = count <= MAX_EXPANDED_POWER && expanded_terms(inner.0.len(), count) <= MAX_TERMS;
                small.then(|| (atom.clone(), inner.clone(), count))
            }
            _ => None,
        });
        let Some((atom, inner, count)) = sum else { return Ok(self) };
        let mut rest = mono.clone();
        let left = rest.0.remove(&atom).unwrap_or(RBig::ZERO) - RBig::from(count);
        if !left.is_zero() {
            rest.0.insert(atom, left);
        }
        let mut found = Self::term(rest, value.clone()).multiplied_out(work)?;
        for _ in 0..count {
            found = found.times(&inner, work)?;
        }
        Ok(found)
    }
}

/// The number of terms of a sum of `terms` terms to a power. Any result above [`MAX_TERMS`] only means that there are too many.
pub(super) fn expanded_terms(terms: usize, power: u32) -> usize {
    let mut count = 1usize;
    for step in 1..=(power as usize).min(MAX_TERMS) {
        count = count.saturating_mul(terms.saturating_sub(1) + step) / step;
        if count > MAX_TERMS {
            return count;
        }
    }
    if power as usize > MAX_TERMS && terms > 1 { usize::MAX } else { count }
}

impl Mono {
    /// The product, and the number that whole powers of roots and of `i` contribute to its coefficient.
    fn times(&self, other: &Self) -> Result<(Self, RBig), Abort> {
        let mut found = self.clone();
        let mut number = RBig::ONE;
        for (atom, exponent) in &other.0 {
            let sum = found.0.remove(atom).unwrap_or(RBig::ZERO) + exponent;
            let (left, by) = reduced_power(atom, sum)?;
            number *= by;
            if !left.is_zero() {
                found.0.insert(atom.clone(), left);
            }
        }
        Ok((found, within_bits(number)?))
    }

    /// The product to a power, and the number that whole powers of roots and of `i` contribute to its coefficient.
    pub(crate) fn raised(&self, exponent: &RBig) -> Result<(Self, RBig), Abort> {
        let mut found = Self::default();
        let mut number = RBig::ONE;
        for (atom, own) in &self.0 {
            let (left, by) = reduced_power(atom, own * exponent)?;
            number *= by;
            if !left.is_zero() {
                found.0.insert(atom.clone(), left);
            }
        }
        Ok((found, within_bits(number)?))
    }
}

/// Splits a power of an atom into the remaining exponent and the number that its whole powers are.
fn reduced_power(atom: &Atom, exponent: RBig) -> Result<(RBig, RBig), Abort> {
    match atom {
        Atom::Root(base) => {
            let floor = exponent.floor();
            let power = i64::try_from(&floor).map_err(|_| Abort::TooComplex("a power"))?;
            Ok((exponent - floor, whole_power(&RBig::from(base.clone()), power)?))
        }
        Atom::Name(name) if name == "i" => match whole(&exponent) {
            Some(power) => {
                let sign = if power.rem_euclid(4) >= 2 { -1 } else { 1 };
                Ok((RBig::from(power.rem_euclid(2)), RBig::from(sign)))
            }
            None => Ok((exponent, RBig::ONE)),
        },
        _ => Ok((exponent, RBig::ONE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_expanded_terms_is_never_too_low() {
        assert_eq!(expanded_terms(2, 3), 4);
        assert_eq!(expanded_terms(3, 2), 6);
        assert_eq!(expanded_terms(1, 1000), 1);
        assert!(expanded_terms(2, 100_000) > MAX_TERMS);
        assert!(expanded_terms(5, 200) > MAX_TERMS);
    }

    #[test]
    fn powers_are_refused_before_they_cost_anything() {
        assert_eq!(whole_power(&RBig::from(9), 387_420_489), Err(Abort::TooComplex("a power")));
        assert_eq!(whole_power(&RBig::from(2), i64::MIN), Err(Abort::TooComplex("a power")));
        assert_eq!(whole_power(&RBig::ZERO, -1), Err(Abort::Undefined));
        assert_eq!(whole_power(&RBig::from(2), -2), Ok(RBig::ONE / RBig::from(4)));
    }
}
