//! Powers of numbers as products of roots of their factors.

use dashu_int::UBig;
use dashu_int::ops::{BitTest, UnsignedAbs};
use dashu_ratio::RBig;

use super::canonical::fixed_power;
use super::limits::{Abort, WorkBudget};
use super::polynomial::{Atom, Poly, whole, whole_power};

/// `base` to the power of `exponent` in canonical form.
pub(super) fn number_power(base: &RBig, exponent: &RBig, work: &mut WorkBudget) -> Result<Poly, Abort> {
    if base.is_one() {
        return Ok(Poly::constant(RBig::ONE));
    }
    if exponent.is_int() {
        let exponent = whole(exponent).ok_or(Abort::TooComplex("a power"))?;
        let undefined = base.is_zero() && exponent <= 0;
        if undefined {
            return Err(Abort::Undefined);
        }
        let power = whole_power(base, exponent)?;
        let words = (power.numerator().bit_len() + power.denominator().bit_len()) / 64;
        work.spend(words * words / 512)?;
        return Ok(Poly::constant(power));
    }
    if base.is_zero() {
        return if *exponent > RBig::ZERO { Ok(Poly::default()) } else { Err(Abort::Undefined) };
    }
    let under = exponent.denominator();
    if *base > RBig::ZERO {
        return positive_power(base, exponent, work);
    }
    let size = positive_power(&-base.clone(), exponent, work)?;
    let odd = |number: &UBig| number.bit(0);
    if odd(under) {
        // The real root is meant, as in ∛−8 = −2.
        let sign = if odd(&exponent.numerator().clone().unsigned_abs()) { -1 } else { 1 };
        return size.scaled(&RBig::from(sign));
    }
    let phase = if *under == UBig::from(2u8) {
        let turns = i64::try_from(exponent.numerator()).map_err(|_| Abort::TooComplex("a power"))?;
        fixed_power(&Poly::name("i"), &RBig::from(turns), work)?
    } else {
        Poly::atom(Atom::Sum(Poly::constant(RBig::from(-1))), exponent.clone())
    };
    size.times(&phase, work)
}

/// A power of a positive number, as a product of roots of its factors.
fn positive_power(base: &RBig, exponent: &RBig, work: &mut WorkBudget) -> Result<Poly, Abort> {
    let mut found = Poly::constant(RBig::ONE);
    for (prime, times) in factors(base, work)? {
        let all = exponent * RBig::from(times);
        let floor = all.floor();
        let power = i64::try_from(&floor).map_err(|_| Abort::TooComplex("a power"))?;
        let number = whole_power(&RBig::from(prime.clone()), power)?;
        let left = all - floor;
        let part = if left.is_zero() { Poly::constant(RBig::ONE) } else { Poly::atom(Atom::Root(prime), left) };
        found = found.times(&part.scaled(&number)?, work)?;
    }
    Ok(found)
}

/// A positive number as a product of powers of whole numbers. They are primes, except for a rest without small prime factors.
pub(super) fn factors(number: &RBig, work: &mut WorkBudget) -> Result<Vec<(UBig, i64)>, Abort> {
    const MAX_DIVISOR: u32 = 1000;
    let mut found = Vec::new();
    for (part, sign) in [(number.numerator().clone().unsigned_abs(), 1), (number.denominator().clone(), -1)] {
        let mut rest = part;
        work.spend(1 + rest.bit_len() / 64)?;
        let mut divisor = 2u32;
        while divisor <= MAX_DIVISOR && rest >= UBig::from(divisor) * UBig::from(divisor) {
            let times = rest.remove(&UBig::from(divisor)).unwrap_or(0);
            if times > 0 {
                found.push((UBig::from(divisor), sign * times as i64));
            }
            divisor += 1 + divisor % 2;
        }
        if !rest.is_one() {
            let (root, times) = as_perfect_power(rest);
            found.push((root, sign * times));
        }
    }
    Ok(found)
}

/// A number as a power of the smallest base, found by square, cube and fifth roots.
fn as_perfect_power(number: UBig) -> (UBig, i64) {
    for times in [2usize, 3, 5] {
        let root = number.nth_root(times);
        if root.pow(times) == number {
            let (inner, more) = as_perfect_power(root);
            return (inner, more * times as i64);
        }
    }
    (number, 1)
}
