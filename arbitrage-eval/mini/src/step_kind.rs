//! Kinds of steps by what makes them easy or hard: [`StepKind`], in three [`Tier`]s.

use serde::{Deserialize, Serialize};

use super::statement::Operation;

/// How hard a step is for small models that are trained for minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Both models learn it.
    Easy,
    /// The target learns it, and the draft learns it in part.
    Medium,
    /// Neither learns it well.
    Hard,
}

/// The operation of a step, distinguished by what makes it easy or hard. Reports break accuracy down by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepKind {
    /// A sum of two numbers up to 99.
    Add,
    /// A difference of two numbers up to 99.
    Subtract,
    /// Twice a number up to 99.
    Double,
    /// Half of a number up to 198.
    Half,
    /// A sum of two numbers, one of them 100 or more.
    LongAdd,
    /// A difference from a number of 100 or more.
    LongSubtract,
    /// A sum of three numbers.
    Sum,
    /// A product with a factor of one digit.
    Times,
    /// Any other division.
    Divide,
    /// 10, 20, 25 or 50 percent of a round number.
    Percent,
    /// A product of two numbers of two digits.
    Product,
    /// A remainder.
    Remainder,
}

impl StepKind {
    /// All kinds, easy ones first.
    pub const ALL: [Self; 12] = [
        Self::Add,
        Self::Subtract,
        Self::Double,
        Self::Half,
        Self::LongAdd,
        Self::LongSubtract,
        Self::Sum,
        Self::Times,
        Self::Divide,
        Self::Percent,
        Self::Product,
        Self::Remainder,
    ];

    /// How hard steps of this kind are.
    pub fn tier(self) -> Tier {
        match self {
            Self::Add | Self::Subtract | Self::Double | Self::Half => Tier::Easy,
            Self::LongAdd | Self::LongSubtract | Self::Sum | Self::Times | Self::Divide | Self::Percent => Tier::Medium,
            Self::Product | Self::Remainder => Tier::Hard,
        }
    }

    /// The kind of an operation on these numbers.
    pub(super) fn of(operation: Operation, operands: &[u64]) -> Self {
        let long = operands.iter().any(|&operand| operand > 99);
        let doubles = operands.contains(&2) && !long;
        let halves = matches!(operands, [0..=198, 2]);
        let products = operands.iter().all(|&operand| operand > 9);
        match operation {
            Operation::Add if operands.len() > 2 => Self::Sum,
            Operation::Add if long => Self::LongAdd,
            Operation::Add => Self::Add,
            Operation::Subtract if long => Self::LongSubtract,
            Operation::Subtract => Self::Subtract,
            Operation::Multiply if products => Self::Product,
            Operation::Multiply if doubles => Self::Double,
            Operation::Multiply => Self::Times,
            Operation::Divide if halves => Self::Half,
            Operation::Divide => Self::Divide,
            Operation::Percent => Self::Percent,
            Operation::Remainder => Self::Remainder,
        }
    }
}

impl std::fmt::Display for StepKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Double => "double",
            Self::Half => "half",
            Self::LongAdd => "long_add",
            Self::LongSubtract => "long_subtract",
            Self::Sum => "sum",
            Self::Times => "times",
            Self::Divide => "divide",
            Self::Percent => "percent",
            Self::Product => "product",
            Self::Remainder => "remainder",
        })
    }
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_the_numbers() {
        for (operation, operands, kind, tier) in [
            (Operation::Add, &[99, 99][..], StepKind::Add, Tier::Easy),
            (Operation::Add, &[100, 1], StepKind::LongAdd, Tier::Medium),
            (Operation::Add, &[1, 2, 3], StepKind::Sum, Tier::Medium),
            (Operation::Subtract, &[99, 9], StepKind::Subtract, Tier::Easy),
            (Operation::Subtract, &[120, 9], StepKind::LongSubtract, Tier::Medium),
            (Operation::Multiply, &[2, 45], StepKind::Double, Tier::Easy),
            (Operation::Multiply, &[45, 9], StepKind::Times, Tier::Medium),
            (Operation::Multiply, &[10, 10], StepKind::Product, Tier::Hard),
            (Operation::Divide, &[90, 2], StepKind::Half, Tier::Easy),
            (Operation::Multiply, &[145, 2], StepKind::Times, Tier::Medium),
            (Operation::Divide, &[300, 2], StepKind::Divide, Tier::Medium),
            (Operation::Divide, &[90, 3], StepKind::Divide, Tier::Medium),
            (Operation::Percent, &[50, 80], StepKind::Percent, Tier::Medium),
            (Operation::Remainder, &[345, 13], StepKind::Remainder, Tier::Hard),
        ] {
            let found = StepKind::of(operation, operands);
            assert_eq!((found, found.tier()), (kind, tier), "{operation:?} {operands:?}");
        }
    }

    #[test]
    fn names_are_those_of_serde() {
        for kind in StepKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.to_string());
        }
    }
}
