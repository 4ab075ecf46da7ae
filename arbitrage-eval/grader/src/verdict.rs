//! What grading says: [`Grade`].

use std::fmt;

use serde::Serialize;

/// Whether an answer is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is equal to the gold answer.
    Correct,
    /// It is not.
    Incorrect,
    /// There is none.
    NoAnswer,
    /// It is too complex to be compared, which counts as not right.
    Refused {
        /// What there was too much of.
        reason: String,
    },
}

/// How an answer was found in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The text is the answer.
    Whole,
    /// In the last `\boxed{…}` or `\fbox{…}`.
    Boxed,
    /// In the last boxes, which words such as "and" join.
    Boxes,
    /// Behind GSM8K's `####`.
    Hashes,
    /// Behind words such as "the answer is".
    Phrase,
    /// In the last formula.
    Formula,
    /// The last number.
    Number,
    /// The letter of a choice.
    Letter,
}

/// Which rule decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// There was nothing to compare.
    Nothing,
    /// Both are the same symbols in the same order.
    Symbols,
    /// Letters of choices.
    Choice,
    /// Exact numbers.
    Number,
    /// Canonical forms.
    Canonical,
    /// Values at seeded points.
    Points,
    /// Members in order.
    Ordered,
    /// Members in any order.
    Unordered,
    /// Both sides of equations or inequalities.
    Relation,
    /// Words.
    Words,
    /// They are different kinds of things.
    Kinds,
    /// Closeness: within the tolerance that was asked for, or that of profile `qwen-compat`.
    Tolerance,
}

/// What was read generously on the way to a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// A percent sign of one side only: 28% for 28.
    PercentDropped,
    /// A unit of one side only, or one that the table of units does not know.
    UnitIgnored,
    /// A base of one side only.
    BaseDropped,
    /// A name of one side only: x = 3 for 3.
    NameDropped,
    /// An inequality for an interval.
    IntervalAsInequality,
    /// Letters of another case.
    CaseIgnored,
    /// Commas read as a list's rather than thousands'.
    CommasAsList,
    /// A column or a row for a tuple.
    VectorAsTuple,
}

/// The outcome of one comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Grade {
    /// Whether the answer is right.
    pub verdict: Verdict,
    /// The rule that decided.
    pub rule: Rule,
    /// How the answer was found.
    pub found: Found,
    /// What was found, as it stands in the text.
    pub extracted: String,
    /// The gold answer's normal form.
    pub gold_form: String,
    /// The answer's normal form.
    pub pred_form: String,
    /// What was read generously, in alphabetical order of the variants' declaration.
    pub flags: Vec<Flag>,
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
