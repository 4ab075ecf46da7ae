//! Decides whether a final mathematical answer is right: [`Grader`].
//!
//! A grammar parses both answers. They are then compared by canonical forms with exact arithmetic, and where those differ, by their
//! values at seeded points. No text is ever run as code. Limits count work and size, never time, so a verdict is the same on every
//! machine, and an answer that is too complex to compare gets a verdict of its own ([`Verdict::Refused`]).
//!
//! ```
//! use arbitrage_grader::{Grader, InputKind, Profile};
//! let grader = Grader::new(Profile::Strict);
//! assert!(grader.grade(r"\frac{\sqrt{2}}{2}", r"1/\sqrt{2}").is_correct());
//! assert!(!grader.grade("(1, 2)", "[1, 2]").is_correct());
//! assert!(grader.grade_response("12", r"So it is \boxed{12}.", InputKind::Response).is_correct());
//! ```
//!
//! | module | task |
//! |---|---|
//! | `extract`, `boxes`, `multiple_choice` | finds the answer in a response |
//! | `unicode`, `lexer`, `numeral`, `symbol_tables` | text to tokens |
//! | `answer`, `parser`, `unit_suffix`, `units` | tokens to lists, intervals, relations and expressions |
//! | `canonical`, `polynomial`, `roots`, `exact_functions` | expressions to canonical forms |
//! | `numeric_equality` | compares canonical forms that differ at seeded points |
//! | `compare`, `strict` | the profile `strict` |
//! | `qwen` | the profile `qwen-compat` |
//! | `printer` | normal forms as text |

#![cfg_attr(doctest, doc = include_str!("../README.md"))]

mod answer;
mod boxes;
mod canonical;
mod compare;
mod exact_functions;
mod expression;
mod extract;
mod lexer;
mod limits;
mod multiple_choice;
mod numeral;
mod numeric_equality;
mod parser;
mod polynomial;
mod printer;
mod qwen;
mod roots;
mod strict;
mod symbol_tables;
mod token;
mod unicode;
mod unit_suffix;
mod units;
mod verdict;

pub use limits::{MAX_ANSWER_BYTES, MAX_RESPONSE_BYTES};
pub use verdict::{AnswerSource, Grade, GradingRule, Leniency, Verdict};

/// The final answer of a response, and where it was found. `None` where there is no answer, or where its box was cut off.
///
/// ```
/// use arbitrage_grader::{AnswerSource, final_answer};
/// assert_eq!(final_answer(r"so \boxed{\frac{1}{2}}."), Some((AnswerSource::Boxed, r"\frac{1}{2}".to_owned())));
/// assert_eq!(final_answer(r"so \boxed{10"), None);
/// ```
pub fn final_answer(response: &str) -> Option<(AnswerSource, String)> {
    extract::final_answer(extract::end_of(response, MAX_RESPONSE_BYTES).trim())
}

/// The answer of a gold text that may be a worked solution: its last box, or what follows `####` or "the answer is", or else the
/// whole text. It is empty where nothing follows `####`.
pub fn gold_answer(gold: &str) -> String {
    if gold.trim_end().ends_with("####") {
        return String::new();
    }
    strict::answer_of_gold(gold.trim()).trim().to_owned()
}

/// The conventions by which answers are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Mathematical equality. `docs/grader.md` has the rules.
    #[default]
    Strict,
    /// The grader behind Qwen2.5-Math's published scores, with its tolerances, as closely as is possible without running text as
    /// code.
    QwenCompat,
}

verdict::serialize_by_name!(Profile { Strict: "strict", QwenCompat: "qwen-compat" });

impl std::str::FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "strict" => Ok(Self::Strict),
            "qwen-compat" => Ok(Self::QwenCompat),
            _ => Err(format!("expected strict or qwen-compat, found `{text}`")),
        }
    }
}

/// What kind of text is graded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputKind {
    /// A bare answer.
    #[default]
    Answer,
    /// A whole response, in which the final answer is searched.
    Response,
    /// A whole response to a multiple-choice question.
    Choice,
}

/// Grades answers under one profile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grader {
    profile: Profile,
    tolerance: f64,
}

impl Grader {
    /// A grader that compares numbers exactly.
    pub fn new(profile: Profile) -> Self {
        Self { profile, tolerance: 0.0 }
    }

    /// The profile by which answers are compared.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Accepts numbers that differ by at most the absolute `tolerance` as equal under profile `strict`, as OlympiadBench does for
    /// some problems. The default 0 compares exactly. Negative, infinite and NaN tolerances count as 0.
    pub fn with_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = if tolerance.is_finite() { tolerance.max(0.0) } else { 0.0 };
        self
    }

    /// Compares a bare answer with the gold answer.
    pub fn grade(&self, gold: &str, pred: &str) -> Grade {
        self.grade_response(gold, pred, InputKind::Answer)
    }

    /// Finds the final answer of a response, and compares it with the gold answer, which may itself be a worked solution.
    pub fn grade_response(&self, gold: &str, response: &str, kind: InputKind) -> Grade {
        match self.profile {
            Profile::Strict => strict::grade(gold, response, kind, self.tolerance),
            Profile::QwenCompat => qwen::grade(gold, response, kind),
        }
    }
}
