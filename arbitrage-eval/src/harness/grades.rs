//! Verdicts on a run's solutions.

use std::path::Path;

use arbitrage_core::Problem;
use arbitrage_core::trace::{Record, SolutionRecord};
use serde::Serialize;

use super::HarnessError;
use super::lines::replace_lines;
use crate::answer::final_answer;
use crate::evaluation::Outcome;
use crate::gold::Gold;

/// A solution with its verdict: a row of a file of [`Grades`](crate::evaluation::Grades), and why.
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
}

/// Verdicts on all solutions of a trace, in its order: a pure function of it, so that solutions can be graded anew at any time.
pub fn grade(records: &[Record], gold: &Gold) -> Vec<Graded> {
    let ends = records.iter().filter_map(|record| if let Record::Solution(end) = record { Some(end) } else { None });
    ends.map(|end| graded(end, gold)).collect()
}

fn graded(end: &SolutionRecord, gold: &Gold) -> Graded {
    let problem = Problem::new(&end.question).with_id(&end.problem);
    let answer = gold.answer(&problem).map_or_else(|_| String::new(), |answer| answer.into_owned());
    let verdict = match gold.is_solved(&problem, &end.text) {
        _ if end.error.is_some() => Outcome::Errored,
        Ok(true) => Outcome::Right,
        Ok(false) => Outcome::Wrong,
        Err(_) => Outcome::Errored,
    };
    let extracted = final_answer(&end.text).unwrap_or_default().to_owned();
    Graded { id: end.problem.clone(), verdict, gold: answer, extracted }
}

/// Writes a row a solution to `path`, which replaces what was there in one move.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn write_grades(grades: &[Graded], path: &Path) -> Result<(), HarnessError> {
    replace_lines(path, grades)
}
