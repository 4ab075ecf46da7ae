//! The grammar of a step: an operation, its operands and its result.

/// The operation of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `a+b` or `a+b+c`.
    Add,
    /// `a-b`.
    Subtract,
    /// `a*b`.
    Multiply,
    /// `a/b`, rounded down.
    Divide,
    /// `p%*b`: `p` percent of `b`, rounded down.
    Percent,
    /// `a mod b`.
    Remainder,
}

/// Longest number that is parsed, in digits. The product of two such numbers fits 64 bits.
const MAX_DIGITS: usize = 9;
/// Most terms of a sum.
const MAX_TERMS: usize = 3;

impl Operation {
    /// The result. `None` where it is negative or undefined, or where the number of operands does not fit.
    pub fn apply(self, operands: &[u64]) -> Option<u64> {
        match (self, operands) {
            (Self::Add, [_, _, ..]) => operands.iter().try_fold(0u64, |sum, &term| sum.checked_add(term)),
            (Self::Subtract, &[a, b]) => a.checked_sub(b),
            (Self::Multiply, &[a, b]) => a.checked_mul(b),
            (Self::Divide, &[a, b]) => a.checked_div(b),
            (Self::Percent, &[p, b]) => Some(p.checked_mul(b)? / 100),
            (Self::Remainder, &[a, b]) => a.checked_rem(b),
            _ => None,
        }
    }

    /// Whether the order of the operands is free. The operands of a percentage are distinguished by the percent sign.
    pub fn commutes(self) -> bool {
        matches!(self, Self::Add | Self::Multiply)
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Percent => "%*",
            Self::Remainder => " mod ",
        }
    }
}

/// A statement of a step, which may be false: `12+42=54`, or `54/2=\boxed{27}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The operation.
    pub operation: Operation,
    /// Two operands, or up to three for a sum. The first operand of a percentage is the rate.
    pub operands: Vec<u64>,
    /// The stated result.
    pub result: u64,
    /// Whether the result is marked as the final answer.
    pub boxed: bool,
}

impl Statement {
    /// Parses a step, without the white space around it. `None` where it is not exactly one statement. Numbers have at most nine digits
    /// and no leading zeros.
    ///
    /// ```
    /// use arbitrage_mini::Statement;
    /// let step = Statement::parse("20%*150=30\n\n").unwrap();
    /// assert_eq!((step.operands, step.result, step.boxed), (vec![20, 150], 30, false));
    /// assert_eq!(Statement::parse("12+42=54 or so"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (left, right) = text.trim().split_once('=')?;
        let inner = right.strip_prefix(r"\boxed{").and_then(|rest| rest.strip_suffix('}'));
        let result = parse_number(inner.unwrap_or(right))?;
        let (operation, operands) = expression(left)?;
        Some(Self { operation, operands, result, boxed: inner.is_some() })
    }

    /// Whether both state the same, in any order of terms and factors.
    pub fn agrees(&self, other: &Self) -> bool {
        let sorted = |statement: &Self| {
            let mut operands = statement.operands.clone();
            if statement.operation.commutes() {
                operands.sort_unstable();
            }
            (statement.operation, operands, statement.result, statement.boxed)
        };
        sorted(self) == sorted(other)
    }
}

impl std::fmt::Display for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, operand) in self.operands.iter().enumerate() {
            let sign = if at == 0 { "" } else { self.operation.sign() };
            write!(f, "{sign}{operand}")?;
        }
        let result = self.result;
        if self.boxed { write!(f, r"=\boxed{{{result}}}") } else { write!(f, "={result}") }
    }
}

fn expression(text: &str) -> Option<(Operation, Vec<u64>)> {
    let percentage = || match text.split_once("%*") {
        Some(parts) => Some(parts),
        None => text.strip_suffix('%')?.split_once('*').map(|(base, rate)| (rate, base)),
    };
    if let Some((rate, base)) = percentage() {
        return Some((Operation::Percent, vec![parse_number(rate)?, parse_number(base)?]));
    }
    let operations =
        [Operation::Add, Operation::Subtract, Operation::Multiply, Operation::Divide, Operation::Remainder];
    let operation = operations.into_iter().find(|operation| text.contains(operation.sign()))?;
    let max_operands = if operation == Operation::Add { MAX_TERMS } else { 2 };
    // One part too many is enough to reject a text of any length.
    let parts: Option<Vec<u64>> = text.split(operation.sign()).take(max_operands + 1).map(parse_number).collect();
    parts.filter(|parts| (2..=max_operands).contains(&parts.len())).map(|parts| (operation, parts))
}

/// Parses a number as the family writes it.
pub(super) fn parse_number(text: &str) -> Option<u64> {
    let plain = (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = plain && (text.len() == 1 || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn other_text_is_rejected() {
        for text in [
            "",
            "=",
            "12",
            "12+42",
            "12+42=",
            "=54",
            "12+42=54=54",
            "12+42=54.",
            "012+42=54",
            "12+42=054",
            "12 + 42=54",
            "1+2+3+4=10",
            "12-4-3=5",
            "12*4/3=16",
            "-12+42=30",
            "12+42=-54",
            "12+42=5 4",
            r"12+42=\boxed{54",
            "12+42=54}",
            r"12+42=\boxed{54}}",
            r"\boxed{54}",
            "12mod5=2",
            "12 mod  5=2",
            "12%5=2",
            "%*5=2",
            "1234567890+1=2",
            "１+2=3",
        ] {
            assert_eq!(Statement::parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_operation_is_parsed() {
        for (text, operation, operands) in [
            ("1+2=3", Operation::Add, vec![1, 2]),
            ("1+2+3=6", Operation::Add, vec![1, 2, 3]),
            ("9-2=7", Operation::Subtract, vec![9, 2]),
            ("9*2=18", Operation::Multiply, vec![9, 2]),
            ("9/2=4", Operation::Divide, vec![9, 2]),
            ("25%*80=20", Operation::Percent, vec![25, 80]),
            ("345 mod 13=7", Operation::Remainder, vec![345, 13]),
        ] {
            let statement = Statement::parse(text).unwrap();
            assert_eq!((statement.operation, &statement.operands), (operation, &operands));
            assert_eq!(operation.apply(&operands), Some(statement.result), "{text}");
            assert_eq!(statement.to_string(), text);
        }
        let swapped = Statement::parse("80*25%=20").unwrap();
        assert!(swapped.agrees(&Statement::parse("25%*80=20").unwrap()));
    }

    #[test]
    fn order_is_free_in_sums_and_products_only() {
        for (one, other, same) in [
            ("1+2+3=6", "3+1+2=6", true),
            ("4*5=20", "5*4=20", true),
            ("9-4=5", "4-9=5", false),
            ("8/2=4", "2/8=4", false),
            ("4*5=20", r"4*5=\boxed{20}", false),
            ("4+5=9", "4+5=8", false),
        ] {
            let [one, other] = [one, other].map(|text| Statement::parse(text).unwrap());
            assert_eq!(one.agrees(&other), same, "{one} {other}");
        }
    }

    #[test]
    fn some_operations_have_no_result() {
        for (operation, operands) in [
            (Operation::Subtract, &[1, 2][..]),
            (Operation::Divide, &[1, 0]),
            (Operation::Remainder, &[1, 0]),
            (Operation::Multiply, &[u64::MAX, 2]),
            (Operation::Add, &[u64::MAX, 1]),
            (Operation::Add, &[1]),
            (Operation::Divide, &[1, 2, 3]),
        ] {
            assert_eq!(operation.apply(operands), None, "{operation:?} {operands:?}");
        }
    }

    proptest! {
        #[test]
        fn hostile_text_is_parsed_or_rejected(text in "\\PC*|[0-9+*/%=mod{}\\\\boxed -]{0,40}|[0-9]{1,30}[+*/-][0-9]{1,30}=[0-9]{1,30}") {
            if let Some(statement) = Statement::parse(&text) {
                statement.operation.apply(&statement.operands);
                let written = statement.to_string();
                prop_assert_eq!(Statement::parse(&written), Some(statement));
            }
        }
    }
}
