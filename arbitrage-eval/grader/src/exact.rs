//! Functions of numbers whose values are known exactly.

use dashu_int::IBig;
use dashu_ratio::RBig;

use super::limits::{GREATEST_FACTORIAL, Stop, Work};
use super::poly::whole;
use super::token::Func;

/// A function of numbers, where its value is a number that is known exactly.
pub(super) fn exact(func: Func, numbers: &[RBig], work: &mut Work) -> Result<Option<RBig>, Stop> {
    let [first, rest @ ..] = numbers else { return Err(Stop::Undefined) };
    Ok(match func {
        Func::Abs => Some(if *first < RBig::ZERO { -first.clone() } else { first.clone() }),
        Func::Floor => Some(RBig::from(first.floor())),
        Func::Ceil => Some(RBig::from(first.ceil())),
        Func::Factorial => Some(RBig::from(factorial(natural(first)?, work)?)),
        Func::Binomial => {
            let under = natural(rest.first().ok_or(Stop::Undefined)?)?;
            Some(RBig::from(binomial(natural(first)?, under, work)?))
        }
        Func::Ln if first.is_zero() => return Err(Stop::Undefined),
        Func::Ln if first.is_one() => Some(RBig::ZERO),
        Func::Sin | Func::Tan | Func::Sinh | Func::Tanh | Func::Arcsin | Func::Arctan if first.is_zero() => {
            Some(RBig::ZERO)
        }
        Func::Cos | Func::Cosh | Func::Sec if first.is_zero() => Some(RBig::ONE),
        _ => None,
    })
}

/// A number that a factorial can be taken of.
fn natural(number: &RBig) -> Result<u64, Stop> {
    match whole(number).map(u64::try_from) {
        Some(Ok(number)) if number <= GREATEST_FACTORIAL => Ok(number),
        None if number.is_int() => Err(Stop::TooMuch("a factorial")),
        Some(Ok(_)) => Err(Stop::TooMuch("a factorial")),
        _ => Err(Stop::Undefined),
    }
}

fn factorial(of: u64, work: &mut Work) -> Result<IBig, Stop> {
    work.spend(of as usize)?;
    Ok((2..=of).fold(IBig::ONE, |product, factor| product * factor))
}

fn binomial(over: u64, under: u64, work: &mut Work) -> Result<IBig, Stop> {
    if under > over {
        return Ok(IBig::ZERO);
    }
    let steps = under.min(over - under);
    work.spend(steps as usize * 2)?;
    Ok((1..=steps).fold(IBig::ONE, |product, step| product * (over - steps + step) / step))
}
