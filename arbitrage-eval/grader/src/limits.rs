//! What a comparison may cost. Work and size are counted, never seconds, so that a verdict is the same on every machine.

/// Longest bare answer that is read, in bytes.
pub const LONGEST_ANSWER: usize = 1 << 14;
/// Longest response that an answer is looked for in, in bytes; of a longer one, the end.
pub const LONGEST_RESPONSE: usize = 1 << 22;
/// Most tokens of an answer.
pub(super) const MOST_TOKENS: usize = 4096;
/// Deepest nesting of brackets, fractions and functions.
pub(super) const DEEPEST: usize = 96;
/// Most digits of a number.
pub(super) const MOST_DIGITS: usize = 4096;
/// Greatest power of ten in scientific notation.
pub(super) const GREATEST_TEN: i64 = 1000;
/// Most bits of a numerator or a denominator.
pub(super) const MOST_BITS: usize = 1 << 15;
/// Greatest number whose factorial is taken.
pub(super) const GREATEST_FACTORIAL: u64 = 3000;
/// Greatest power of a sum that is multiplied out.
pub(super) const GREATEST_EXPANDED: u32 = 12;
/// Most terms of an expanded sum.
pub(super) const MOST_TERMS: usize = 128;
/// Most members of a list or entries of a matrix.
pub(super) const MOST_ITEMS: usize = 256;
/// Work of one comparison, in products of terms and evaluated terms.
const MOST_WORK: u64 = 20_000;

/// Why an expression has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It would cost too much; says what.
    TooMuch(&'static str),
    /// It has none: a division by zero, or no expression at all.
    Undefined,
}

/// What is left of a comparison's work.
#[derive(Clone, Debug)]
pub(super) struct Work(u64);

impl Work {
    pub fn new() -> Self {
        Self(MOST_WORK)
    }

    /// Takes `amount` of what is left.
    pub fn spend(&mut self, amount: usize) -> Result<(), Stop> {
        self.0 = self.0.checked_sub(amount as u64).ok_or(Stop::TooMuch("work"))?;
        Ok(())
    }
}
