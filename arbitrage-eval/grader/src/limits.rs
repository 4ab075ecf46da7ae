//! What one comparison may cost. Work and size are counted and time is not, so that a verdict is the same on every machine.

/// Longest bare answer that is parsed, in bytes.
pub const MAX_ANSWER_BYTES: usize = 1 << 14;
/// Longest response that is searched for an answer, in bytes. Of a longer response only the end is searched.
pub const MAX_RESPONSE_BYTES: usize = 1 << 22;
/// Most tokens of an answer.
pub(super) const MAX_TOKENS: usize = 4096;
/// Deepest nesting of brackets, fractions and functions.
pub(super) const MAX_DEPTH: usize = 96;
/// Most digits of a number.
pub(super) const MAX_DIGITS: usize = 4096;
/// Greatest power of ten in scientific notation.
pub(super) const MAX_DECIMAL_EXPONENT: i64 = 1000;
/// Most bits of a numerator or a denominator.
pub(super) const MAX_BITS: usize = 1 << 15;
/// Greatest number whose factorial is computed.
pub(super) const MAX_FACTORIAL_ARGUMENT: u64 = 3000;
/// Greatest power of a sum that is multiplied out.
pub(super) const MAX_EXPANDED_POWER: u32 = 12;
/// Most terms of an expanded sum.
pub(super) const MAX_TERMS: usize = 128;
/// Most members of a list or entries of a matrix.
pub(super) const MAX_ITEMS: usize = 256;
/// Work units of one comparison: products of terms, and terms evaluated at a point.
const MAX_WORK: u64 = 20_000;

/// Why an expression could not be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abort {
    /// It would exceed a limit. The text names what there is too much of.
    TooComplex(&'static str),
    /// It has no value, as a division by zero, or it is no expression at all.
    Undefined,
}

/// The work that a comparison may still do.
#[derive(Clone, Debug)]
pub(super) struct WorkBudget(u64);

impl WorkBudget {
    pub(crate) fn new() -> Self {
        Self(MAX_WORK)
    }

    /// Takes `amount` from the budget, and fails when less is left.
    pub(crate) fn spend(&mut self, amount: usize) -> Result<(), Abort> {
        self.0 = self.0.checked_sub(amount as u64).ok_or(Abort::TooComplex("work"))?;
        Ok(())
    }
}
