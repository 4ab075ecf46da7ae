//! The result of grading: [`Grade`].

use std::fmt;

use serde::Serialize;

/// Whether an answer is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The answer equals the gold answer.
    Correct,
    /// The answer differs from the gold answer.
    Incorrect,
    /// The response, or the gold text, has no answer.
    NoAnswer,
    /// One of the answers is too complex to be compared. It counts as not correct.
    Refused {
        /// The limit that was exceeded.
        reason: String,
    },
}

/// Where in a text the answer was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerSource {
    /// The whole text is the answer.
    Whole,
    /// The last `\boxed{…}` or `\fbox{…}`.
    Boxed,
    /// The last boxes, joined by words such as "and".
    Boxes,
    /// The text after GSM8K's `####`.
    Hashes,
    /// The text after a phrase such as "the answer is".
    Phrase,
    /// The last formula.
    Formula,
    /// The last number.
    Number,
    /// The letter of a multiple choice.
    Letter,
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GradingRule {
    /// There was nothing to compare.
    Nothing,
    /// Both answers are the same symbols in the same order.
    Symbols,
    /// The letters of a multiple choice were compared.
    Choice,
    /// Exact numbers were compared.
    Number,
    /// Canonical forms were compared.
    Canonical,
    /// Values at seeded points were compared.
    Points,
    /// Members were compared in order.
    Ordered,
    /// Members were compared in any order.
    Unordered,
    /// Equations or inequalities were compared.
    Relation,
    /// Words were compared.
    Words,
    /// The answers are of different kinds, as a number and an interval.
    Kinds,
    /// The numbers are within the requested tolerance, or within that of profile `qwen-compat`.
    Tolerance,
}

/// A difference between the answers that was overlooked on the way to a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Leniency {
    /// Only one side has a percent sign, and the numbers are the same: 28% for 28.
    PercentDropped,
    /// Only one side has a unit, or its unit is not in the table of units.
    UnitIgnored,
    /// Only one side names the base of its digits.
    BaseDropped,
    /// Only one side names the variable: x = 3 for 3.
    NameDropped,
    /// An inequality stands for an interval.
    IntervalAsInequality,
    /// Letters differ in case.
    CaseIgnored,
    /// Commas were read as separators of a list, not of thousands.
    CommasAsList,
    /// A column or row vector stands for a tuple.
    VectorAsTuple,
}

/// The outcome of one comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Grade {
    /// Whether the answer is right.
    pub verdict: Verdict,
    /// The rule that decided.
    pub rule: GradingRule,
    /// Where the answer was found.
    pub found: AnswerSource,
    /// The answer as it stands in the text.
    pub extracted: String,
    /// The gold answer's normal form.
    pub gold_form: String,
    /// The answer's normal form.
    pub pred_form: String,
    /// The differences that were overlooked, in the order in which [`Leniency`] declares them.
    pub flags: Vec<Leniency>,
}

impl Grade {
    /// Whether the verdict is [`Verdict::Correct`].
    pub fn is_correct(&self) -> bool {
        self.verdict == Verdict::Correct
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Correct => f.write_str("correct"),
            Self::Incorrect => f.write_str("incorrect"),
            Self::NoAnswer => f.write_str("no answer"),
            Self::Refused { reason } => write!(f, "refused: too complex ({reason})"),
        }
    }
}
