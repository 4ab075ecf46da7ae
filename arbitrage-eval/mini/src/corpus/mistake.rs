//! Mistakes as small models make them.

use arbitrage_core::Draw;
use serde::{Deserialize, Serialize};

use super::super::language::below;
use super::super::{Operation, Statement};

/// How a right step is spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mistake {
    /// One digit of the result is off by one.
    Digit,
    /// Another number of the problem stands for one of the operands; the result follows from it.
    Operand,
    /// Another operation on the same operands; the result follows from it.
    Operation,
    /// The operands are the other way round, the result as it was. Of sums and products this is still right.
    Order,
}

impl Mistake {
    /// Every mistake.
    pub const ALL: [Self; 4] = [Self::Digit, Self::Operand, Self::Operation, Self::Order];

    /// `right` with this mistake; `numbers` are those that may be taken for an operand. `None` where the mistake cannot be
    /// made.
    pub(super) fn spoil(self, right: &Statement, numbers: &[u64], draw: &mut Draw) -> Option<Statement> {
        let mut spoilt = right.clone();
        match self {
            Self::Digit => spoilt.result = digit_off(right.result, draw),
            Self::Operand => {
                let at = below(draw, right.operands.len());
                *spoilt.operands.get_mut(at)? = *numbers.get(below(draw, numbers.len()))?;
                spoilt.result = spoilt.operation.apply(&spoilt.operands)?;
            }
            Self::Operation => {
                let others = neighbours(right.operation);
                spoilt.operation = others[below(draw, others.len())];
                spoilt.result = spoilt.operation.apply(&spoilt.operands)?;
            }
            Self::Order => spoilt.operands.reverse(),
        }
        (spoilt.result <= LARGEST).then_some(spoilt)
    }
}

/// The largest result that a mistake may have: what the family's own steps can reach has four digits.
const LARGEST: u64 = 9999;

/// Operations that are mistaken for another.
fn neighbours(operation: Operation) -> &'static [Operation] {
    match operation {
        Operation::Add => &[Operation::Subtract, Operation::Multiply],
        Operation::Subtract => &[Operation::Add, Operation::Divide],
        Operation::Multiply => &[Operation::Add, Operation::Divide],
        Operation::Divide => &[Operation::Subtract, Operation::Multiply, Operation::Remainder],
        Operation::Percent => &[Operation::Subtract, Operation::Add],
        Operation::Remainder => &[Operation::Divide, Operation::Subtract],
    }
}

/// `number` with one digit a step up or down, of the same length.
fn digit_off(number: u64, draw: &mut Draw) -> u64 {
    let length = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let place = 10u64.pow(below(draw, length) as u32);
    let digit = number / place % 10;
    let least = u64::from(place > 1 && number / place < 10);
    let up = if draw.uniform() < 0.5 { digit < 9 } else { digit <= least };
    if up { number + place } else { number.saturating_sub(place) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_digit_off_is_one_digit_off(number in 0u64..10_000, seed in any::<u64>()) {
            let off = digit_off(number, &mut Draw::new(seed));
            let (one, other) = (number.to_string(), off.to_string());
            let differing: Vec<i32> = one.bytes().zip(other.bytes()).map(|(one, other)| i32::from(one) - i32::from(other)).filter(|by| *by != 0).collect();
            prop_assert_eq!(one.len(), other.len());
            prop_assert!(differing == [1] || differing == [-1], "{} {}", number, off);
        }

        #[test]
        fn mistakes_can_be_read(a in 0u64..999, b in 0u64..999, seed in any::<u64>()) {
            let operations = [Operation::Add, Operation::Subtract, Operation::Multiply, Operation::Divide, Operation::Percent, Operation::Remainder];
            for (operation, mistake) in operations.into_iter().flat_map(|o| Mistake::ALL.map(|m| (o, m))) {
                let right = Statement { operation, operands: vec![a, b], result: 17, boxed: false };
                if let Some(spoilt) = mistake.spoil(&right, &[a, b, 5], &mut Draw::new(seed)) {
                    prop_assert_eq!(Statement::parse(&spoilt.to_string()), Some(spoilt));
                }
            }
        }
    }
}
