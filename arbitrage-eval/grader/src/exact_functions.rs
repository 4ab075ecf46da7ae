//! Values of functions that are rational numbers, computed exactly.

use dashu_int::IBig;
use dashu_ratio::RBig;

use super::limits::{Abort, MAX_FACTORIAL_ARGUMENT, WorkBudget};
use super::polynomial::whole;
use super::token::Func;

/// The value of a function where it is a rational number. `None` where it is not, or is not known to be.
pub(super) fn exact_value(func: Func, numbers: &[RBig], work: &mut WorkBudget) -> Result<Option<RBig>, Abort> {
    let [first, rest @ ..] = numbers else { return Err(Abort::Undefined) };
    Ok(match func {
        Func::Abs => Some(if *first < RBig::ZERO { -first.clone() } else { first.clone() }),
        Func::Floor => Some(RBig::from(first.floor())),
        Func::Ceil => Some(RBig::from(first.ceil())),
        Func::Factorial => Some(RBig::from(factorial(natural(first)?, work)?)),
        Func::Binomial => {
            let under = natural(rest.first().ok_or(Abort::Undefined)?)?;
            Some(RBig::from(binomial(natural(first)?, under, work)?))
        }
        Func::Ln if first.is_zero() => return Err(Abort::Undefined),
        Func::Ln if first.is_one() => Some(RBig::ZERO),
        Func::Sin | Func::Tan | Func::Sinh | Func::Tanh | Func::Arcsin | Func::Arctan if first.is_zero() => {
            Some(RBig::ZERO)
        }
        Func::Cos | Func::Cosh | Func::Sec if first.is_zero() => Some(RBig::ONE),
        _ => None,
    })
}

/// The argument of a factorial.
fn natural(number: &RBig) -> Result<u64, Abort> {
    match whole(number).map(u64::try_from) {
        Some(Ok(number)) if number <= MAX_FACTORIAL_ARGUMENT => Ok(number),
        None if number.is_int() => Err(Abort::TooComplex("a factorial")),
        Some(Ok(_)) => Err(Abort::TooComplex("a factorial")),
        _ => Err(Abort::Undefined),
    }
}

fn factorial(of: u64, work: &mut WorkBudget) -> Result<IBig, Abort> {
    work.spend(of as usize)?;
    Ok((2..=of).fold(IBig::ONE, |product, factor| product * factor))
}

fn binomial(over: u64, under: u64, work: &mut WorkBudget) -> Result<IBig, Abort> {
    if under > over {
        return Ok(IBig::ZERO);
    }
    let steps = under.min(over - under);
    work.spend(steps as usize * 2)?;
    Ok((1..=steps).fold(IBig::ONE, |product, step| product * (over - steps + step) / step))
}
