//! Verdicts on a run's solutions.

use std::path::Path;

use arbitrage_core::Problem;
use arbitrage_core::trace::{Record, SolutionRecord};
use serde::Serialize;

use super::HarnessError;
use super::lines::replace_lines;
use crate::gold::Gold;
use crate::results::Outcome;
use arbitrage_grader::{Flag, Found, Profile, Rule};

/// A solution with its verdict: a row of a file of [`Grades`](crate::results::Grades), and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Graded {
    /// The problem's id.
    pub id: String,
    /// How it came out.
    pub verdict: Outcome,
    /// The right answer; empty where nobody knows it.
    pub gold: String,
    /// The answer that was found in the solution; empty where there is none.
    pub extracted: String,
    /// Whose conventions decided.
    pub profile: Profile,
    /// What the grader said and why; nothing where nobody knows the right answer.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Why a verdict is as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Reason {
    /// The grader's own verdict.
    pub grade: arbitrage_grader::Verdict,
    /// The rule that decided.
    pub rule: Rule,
    /// How the answer was found.
    pub found: Found,
    /// Normal form of the right answer.
    pub gold_form: String,
    /// Normal form of the answer that was found.
    pub pred_form: String,
    /// What was read generously.
    pub flags: Vec<Flag>,
}

/// Verdicts on all solutions of a trace, in its order: a pure function of it, so that solutions can be graded anew at any time.
pub fn grade(records: &[Record], gold: &Gold) -> Vec<Graded> {
    let ends = records.iter().filter_map(|record| if let Record::Solution(end) = record { Some(end) } else { None });
    ends.map(|end| graded(end, gold)).collect()
}

fn graded(end: &SolutionRecord, gold: &Gold) -> Graded {
    let problem = Problem::new(&end.question).with_id(&end.problem);
    let answer = gold.answer(&problem).map_or_else(|_| String::new(), |answer| answer.into_owned());
    let grade = gold.grade(&problem, &end.text).ok();
    let verdict = match &grade {
        Some(grade) if end.error.is_none() && grade.is_correct() => Outcome::Right,
        Some(_) if end.error.is_none() => Outcome::Wrong,
        _ => Outcome::Errored,
    };
    let extracted = grade.as_ref().map(|grade| grade.extracted.clone()).unwrap_or_default();
    let (id, profile) = (end.problem.clone(), gold.profile());
    Graded { id, verdict, gold: answer, extracted, profile, reason: grade.map(Reason::from) }
}

impl From<arbitrage_grader::Grade> for Reason {
    fn from(grade: arbitrage_grader::Grade) -> Self {
        let arbitrage_grader::Grade { verdict, rule, found, gold_form, pred_form, flags, .. } = grade;
        Self { grade: verdict, rule, found, gold_form, pred_form, flags }
    }
}

/// Writes a row a solution to `path`, which replaces what was there in one move.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn write_grades(grades: &[Graded], path: &Path) -> Result<(), HarnessError> {
    replace_lines(path, grades)
}

#[cfg(test)]
mod tests {
    use arbitrage_core::Usage;

    use super::*;

    fn row(question: &str, text: &str, error: Option<&str>) -> serde_json::Value {
        let mut end =
            serde_json::json!({ "problem": "p", "question": question, "text": text, "usage": Usage::default() });
        if let Some(error) = error {
            end["error"] = error.into();
        }
        let end: SolutionRecord = serde_json::from_value(end).unwrap();
        let rows = grade(&[Record::Solution(end)], &Gold::default());
        serde_json::to_value(&rows[0]).unwrap()
    }

    #[test]
    fn a_row_says_what_was_found_and_why_it_counts() {
        let question = "Ann has 12 pens. She gives 3 to Bob. She gives half to Bob. How many are left?";
        let right = row(question, r"12-3=9, so 9 div 2 is \boxed{4}", None);
        assert_eq!(right["gold"], "4");
        for (field, value) in [
            ("verdict", "right"),
            ("profile", "strict"),
            ("extracted", "4"),
            ("grade", "correct"),
            ("found", "boxed"),
            ("pred_form", "4"),
            ("rule", "symbols"),
        ] {
            assert_eq!(right[field], value, "{right}");
        }
        assert_eq!(row(question, r"\boxed{5}", None)["verdict"], "wrong");
        assert_eq!(row(question, r"\boxed{4}", Some("no answer in time"))["verdict"], "errored");
        let unknown = row("How many?", r"\boxed{5}", None);
        assert_eq!(unknown["verdict"], "errored");
        assert_eq!(unknown.get("rule"), None);
    }
}
