//! Whether a final answer is right: [`Grader`].
//!
//! Answers are read by a grammar of their own and compared by canonical forms first, then by values at seeded points; no text is
//! ever run as code. Limits count work and size, never time, so a verdict is the same on every machine, and what is too complex
//! is said to be so ([`Verdict::Refused`]).
//!
//! ```
//! use arbitrage_grader::{Grader, Kind, Profile};
//! let grader = Grader::new(Profile::Strict);
//! assert!(grader.grade(r"\frac{\sqrt{2}}{2}", r"1/\sqrt{2}").is_correct());
//! assert!(!grader.grade("(1, 2)", "[1, 2]").is_correct());
//! assert!(grader.grade_response("12", r"So it is \boxed{12}.", Kind::Response).is_correct());
//! ```

mod answer;
mod boxes;
mod canon;
mod choice;
mod compare;
mod exact;
mod expr;
mod extract;
mod form;
mod lexer;
mod limits;
mod measure;
mod numeral;
mod parser;
mod poly;
mod probe;
mod qwen;
mod roots;
mod seed;
mod strict;
mod tables;
mod token;
mod unicode;
mod units;
mod verdict;

pub use limits::{LONGEST_ANSWER, LONGEST_RESPONSE};
pub use verdict::{Flag, Found, Grade, Rule, Verdict};

/// The final answer of a response, and how it was found; `None` where there is none, or a box that was cut off.
///
/// ```
/// use arbitrage_grader::{Found, final_answer};
/// assert_eq!(final_answer(r"so \boxed{\frac{1}{2}}."), Some((Found::Boxed, r"\frac{1}{2}".to_owned())));
/// assert_eq!(final_answer(r"so \boxed{10"), None);
/// ```
pub fn final_answer(response: &str) -> Option<(Found, String)> {
    extract::final_answer(extract::end_of(response, LONGEST_RESPONSE).trim())
}

/// The answer of a gold that may be a worked solution: its last box, or what follows `####` or "the answer is"; else all of it.
/// Empty where nothing follows `####`.
pub fn gold_answer(gold: &str) -> String {
    if gold.trim_end().ends_with("####") {
        return String::new();
    }
    strict::of_gold(gold.trim()).trim().to_owned()
}

/// Which conventions decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Mathematical equality; see `docs/grader.md`.
    #[default]
    Strict,
    /// The grader behind Qwen2.5-Math's published scores, with its tolerances, as far as it can be had without running text as code.
    QwenCompat,
}

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

/// What is graded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A bare answer.
    #[default]
    Answer,
    /// A whole response, which ends in an answer somehow.
    Response,
    /// A whole response to a multiple choice.
    Choice,
}

/// Grades answers under one profile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grader {
    profile: Profile,
    tolerance: f64,
}

impl Grader {
    /// A grader.
    pub fn new(profile: Profile) -> Self {
        Self { profile, tolerance: 0.0 }
    }

    /// Whose conventions decide.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Takes numbers that differ by at most `tolerance`, which is absolute, for equal (profile `strict`), as OlympiadBench allows for
    /// some problems. 0, the default, takes them exactly; what is no finite number above 0 counts as 0.
    pub fn with_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = if tolerance.is_finite() { tolerance.max(0.0) } else { 0.0 };
        self
    }

    /// Compares a bare answer with the gold answer.
    pub fn grade(&self, gold: &str, pred: &str) -> Grade {
        self.grade_response(gold, pred, Kind::Answer)
    }

    /// Finds the final answer of a response, and compares it with the gold answer, which may be a worked solution itself.
    pub fn grade_response(&self, gold: &str, response: &str, kind: Kind) -> Grade {
        match self.profile {
            Profile::Strict => strict::grade(gold, response, kind, self.tolerance),
            Profile::QwenCompat => qwen::grade(gold, response, kind),
        }
    }
}
