//! The result of grading: [`Grade`].

use std::fmt;

use serde_core::ser::{Serialize, SerializeStruct, SerializeStructVariant, Serializer};

/// Gives each variant its name, as which it is serialised. Written by hand instead of derived, since `serde_derive` and
/// its dependencies would take most of the time that this crate needs to build.
macro_rules! serialize_by_name {
    ($type:ident { $($variant:ident: $name:literal),+ $(,)? }) => {
        impl $type {
            /// The name of the variant, as it is serialised.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl serde_core::Serialize for $type {
            fn serialize<S: serde_core::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}
pub(super) use serialize_by_name;

/// Whether an answer is right.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

serialize_by_name!(AnswerSource {
    Whole: "whole",
    Boxed: "boxed",
    Boxes: "boxes",
    Hashes: "hashes",
    Phrase: "phrase",
    Formula: "formula",
    Number: "number",
    Letter: "letter",
});

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

serialize_by_name!(GradingRule {
    Nothing: "nothing",
    Symbols: "symbols",
    Choice: "choice",
    Number: "number",
    Canonical: "canonical",
    Points: "points",
    Ordered: "ordered",
    Unordered: "unordered",
    Relation: "relation",
    Words: "words",
    Kinds: "kinds",
    Tolerance: "tolerance",
});

/// A difference between the answers that was overlooked on the way to a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

serialize_by_name!(Leniency {
    PercentDropped: "percent_dropped",
    UnitIgnored: "unit_ignored",
    BaseDropped: "base_dropped",
    NameDropped: "name_dropped",
    IntervalAsInequality: "interval_as_inequality",
    CaseIgnored: "case_ignored",
    CommasAsList: "commas_as_list",
    VectorAsTuple: "vector_as_tuple",
});

/// The outcome of one comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grade {
    /// Whether the answer is right.
    pub verdict: Verdict,
    /// The rule that decided.
    pub rule: GradingRule,
    /// Where the answer was found.
    pub found: AnswerSource,
    /// The answer as it is written in the text.
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

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Correct => serializer.serialize_str("correct"),
            Self::Incorrect => serializer.serialize_str("incorrect"),
            Self::NoAnswer => serializer.serialize_str("no_answer"),
            Self::Refused { reason } => {
                let mut variant = serializer.serialize_struct_variant("Verdict", 3, "refused", 1)?;
                variant.serialize_field("reason", reason)?;
                variant.end()
            }
        }
    }
}

impl Serialize for Grade {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { verdict, rule, found, extracted, gold_form, pred_form, flags } = self;
        let mut grade = serializer.serialize_struct("Grade", 7)?;
        grade.serialize_field("verdict", verdict)?;
        grade.serialize_field("rule", rule)?;
        grade.serialize_field("found", found)?;
        grade.serialize_field("extracted", extracted)?;
        grade.serialize_field("gold_form", gold_form)?;
        grade.serialize_field("pred_form", pred_form)?;
        grade.serialize_field("flags", flags)?;
        grade.end()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;

    #[test]
    fn the_serialised_form_is_pinned() {
        let grade = Grade {
            verdict: Verdict::NoAnswer,
            rule: GradingRule::Unordered,
            found: AnswerSource::Boxes,
            extracted: "1, 2".to_owned(),
            gold_form: "{1, 2}".to_owned(),
            pred_form: String::new(),
            flags: vec![Leniency::IntervalAsInequality, Leniency::CommasAsList],
        };
        assert_eq!(
            serde_json::to_string(&grade).unwrap(),
            r#"{"verdict":"no_answer","rule":"unordered","found":"boxes","extracted":"1, 2","gold_form":"{1, 2}","pred_form":"","flags":["interval_as_inequality","commas_as_list"]}"#
        );
        let verdicts = [Verdict::Correct, Verdict::Incorrect, Verdict::Refused { reason: "work".to_owned() }];
        assert_eq!(
            serde_json::to_string(&verdicts).unwrap(),
            r#"["correct","incorrect",{"refused":{"reason":"work"}}]"#
        );
        let profiles = [Profile::Strict, Profile::QwenCompat];
        assert_eq!(serde_json::to_string(&profiles).unwrap(), r#"["strict","qwen-compat"]"#);
        assert!(profiles.into_iter().all(|profile| profile.name().parse() == Ok(profile)));
    }
}
