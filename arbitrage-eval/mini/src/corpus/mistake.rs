//! Corrupts right steps with mistakes that small models make.

use arbitrage_core::Draw;
use serde::{Deserialize, Serialize};

use super::super::language::uniform_below;
use super::super::{Operation, Statement};

/// How a right step is corrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mistake {
    /// One digit of the result is off by one.
    Digit,
    /// One operand is replaced by another number of the problem, and the result is that of the new operands.
    Operand,
    /// The operation is replaced by another one, and the result is that of the new operation.
    Operation,
    /// The operands are reversed, and the result is unchanged. Sums and products are still right.
    Order,
}

impl Mistake {
    /// All mistakes.
    pub const ALL: [Self; 4] = [Self::Digit, Self::Operand, Self::Operation, Self::Order];

    /// The statement with this mistake, where `numbers` may replace an operand. `None` where the mistake is impossible.
    pub(super) fn corrupt(self, right: &Statement, numbers: &[u64], draw: &mut Draw) -> Option<Statement> {
        let mut corrupted = right.clone();
        match self {
            Self::Digit => corrupted.result = digit_off(right.result, draw),
            Self::Operand => {
                let at = uniform_below(draw, right.operands.len());
                *corrupted.operands.get_mut(at)? = *numbers.get(uniform_below(draw, numbers.len()))?;
                corrupted.result = corrupted.operation.apply(&corrupted.operands)?;
            }
            Self::Operation => {
                let others = confusable_operations(right.operation);
                corrupted.operation = others[uniform_below(draw, others.len())];
                corrupted.result = corrupted.operation.apply(&corrupted.operands)?;
            }
            Self::Order => corrupted.operands.reverse(),
        }
        (corrupted.result <= MAX_RESULT).then_some(corrupted)
    }
}

/// The greatest result of a corrupted step. The family's own steps have at most four digits.
const MAX_RESULT: u64 = 9999;

/// The operations that replace `operation` by mistake.
fn confusable_operations(operation: Operation) -> &'static [Operation] {
    match operation {
        Operation::Add => &[Operation::Subtract, Operation::Multiply],
        Operation::Subtract => &[Operation::Add, Operation::Divide],
        Operation::Multiply => &[Operation::Add, Operation::Divide],
        Operation::Divide => &[Operation::Subtract, Operation::Multiply, Operation::Remainder],
        Operation::Percent => &[Operation::Subtract, Operation::Add],
        Operation::Remainder => &[Operation::Divide, Operation::Subtract],
    }
}

/// The number with one digit changed by one. Its length stays the same.
fn digit_off(number: u64, draw: &mut Draw) -> u64 {
    let length = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let place = 10u64.pow(uniform_below(draw, length) as u32);
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
        fn corrupted_steps_can_be_parsed(a in 0u64..999, b in 0u64..999, seed in any::<u64>()) {
            let operations = [Operation::Add, Operation::Subtract, Operation::Multiply, Operation::Divide, Operation::Percent, Operation::Remainder];
            for (operation, mistake) in operations.into_iter().flat_map(|o| Mistake::ALL.map(|m| (o, m))) {
                let right = Statement { operation, operands: vec![a, b], result: 17, boxed: false };
                if let Some(corrupted) = mistake.corrupt(&right, &[a, b, 5], &mut Draw::new(seed)) {
                    prop_assert_eq!(Statement::parse(&corrupted.to_string()), Some(corrupted));
                }
            }
        }
    }
}
