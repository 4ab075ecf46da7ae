//! The right answers of problems: [`Gold`].

use std::borrow::Cow;
use std::collections::HashMap;

use arbitrage_core::Problem;
use arbitrage_grader::{Grade, Grader, InputKind, Profile, gold_answer};

use crate::problems::ProblemRow;

/// Decides whether a solution is right, by the `answer` of the problem's row. Problems whose answers can be computed from their questions
/// need no row: give the function to [`Gold::with_fallback`].
///
/// Answers are compared by the [`Grader`], with the row's tolerance if it has one. Where the row's answer is a whole solution, as in GSM8K,
/// only its final answer counts (see [`gold_answer`]).
///
/// ```
/// use arbitrage_core::Problem;
/// use arbitrage_eval::gold::Gold;
/// let gold = Gold::default().with_fallback(|problem| problem.question.strip_prefix("Repeat ").map(str::to_owned));
/// assert!(gold.is_solved(&Problem::new("Repeat 12"), r"\boxed{12}")?);
/// assert!(!gold.is_solved(&Problem::new("Repeat 12"), r"\boxed{5}")?);
/// # Ok::<(), arbitrage_eval::gold::NoAnswer>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Gold {
    /// Answer and tolerance by question.
    answers: HashMap<String, GoldAnswer>,
    fallback: Option<fn(&Problem) -> Option<String>>,
    grader: Grader,
}

/// A right answer, and the largest absolute error that is accepted.
#[derive(Clone, Debug)]
struct GoldAnswer {
    answer: String,
    tolerance: f64,
}

/// A problem whose right answer is unknown.
#[derive(Debug, thiserror::Error)]
#[error("problem `{id}` comes without an answer: expected one in the field `answer` of its row")]
pub struct NoAnswer {
    /// The problem's id.
    pub id: String,
}

impl Gold {
    /// The answers of `rows`; rows without one are ignored.
    pub fn new<'r>(rows: impl IntoIterator<Item = &'r ProblemRow>) -> Self {
        let answer = |row: &ProblemRow| {
            let answer = gold_answer(row.answer.as_deref()?);
            let tolerance = row.tolerance.unwrap_or(0.0);
            (!answer.is_empty()).then(|| (row.problem.question.clone(), GoldAnswer { answer, tolerance }))
        };
        Self { answers: rows.into_iter().filter_map(answer).collect(), ..Self::default() }
    }

    /// Computes the answers of problems without one by `answer`.
    pub fn with_fallback(mut self, answer: fn(&Problem) -> Option<String>) -> Self {
        self.fallback = Some(answer);
        self
    }

    /// Sets the grading profile.
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.grader = Grader::new(profile);
        self
    }

    /// The grading profile.
    pub fn profile(&self) -> Profile {
        self.grader.profile()
    }

    /// The right answer.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub fn answer(&self, problem: &Problem) -> Result<Cow<'_, str>, NoAnswer> {
        let computed = || self.fallback.and_then(|answer| answer(problem)).map(Cow::Owned);
        let given = self.answers.get(&problem.question).map(|gold| Cow::Borrowed(gold.answer.as_str()));
        given.or_else(computed).ok_or_else(|| NoAnswer { id: problem.id.clone() })
    }

    /// Grades `text`, a whole solution.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub fn grade(&self, problem: &Problem, text: &str) -> Result<Grade, NoAnswer> {
        let answer = self.answer(problem)?;
        let tolerance = self.answers.get(&problem.question).map_or(0.0, |gold| gold.tolerance);
        Ok(self.grader.with_tolerance(tolerance).grade_response(&answer, text, InputKind::Response))
    }

    /// Whether `text`, a whole solution, ends in the right answer.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub fn is_solved(&self, problem: &Problem, text: &str) -> Result<bool, NoAnswer> {
        Ok(self.grade(problem, text)?.is_correct())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use arbitrage_mini::{self as mini, Stream, problems};

    use super::*;
    use crate::problems::{BadRows, read};

    fn gold(answer: &str) -> (Gold, Problem) {
        let line = serde_json::json!({ "question": "How many?", "answer": answer, "id": "q" }).to_string();
        let rows = read(Path::new("set.jsonl"), line.as_bytes(), BadRows::Fail).unwrap().rows;
        (Gold::new(&rows), rows[0].problem.clone())
    }

    #[test]
    fn answers_of_common_layouts_are_read() {
        for (answer, short) in [
            ("72", "72"),
            ("48/2 = <<48/2=24>>24 in May.\n#### 1,072 ", "1,072"),
            (r"Add, so that $\boxed{\frac{1}{2}}$ is left.", r"\frac{1}{2}"),
            ("x + 1", "x + 1"),
        ] {
            let (gold, problem) = gold(answer);
            assert_eq!(gold.answer(&problem).unwrap(), short);
            assert!(gold.is_solved(&problem, &format!(r"So \boxed{{{short}}}.")).unwrap());
            assert!(!gold.is_solved(&problem, r"So \boxed{7}.").unwrap());
            assert!(!gold.is_solved(&problem, "").unwrap());
        }
    }

    #[test]
    fn the_tolerance_of_a_row_is_applied() {
        for (tolerance, solved) in [(Some(0.1), true), (Some(0.01), false), (None, false)] {
            let line = br#"{"question": "How far?", "answer": "2.5"}"#;
            let mut rows = read(Path::new("set.jsonl"), &line[..], BadRows::Fail).unwrap().rows;
            rows[0].tolerance = tolerance;
            assert_eq!(Gold::new(&rows).is_solved(&rows[0].problem, "It is 2.6.").unwrap(), solved, "{tolerance:?}");
        }
    }

    #[test]
    fn computed_answers_need_no_row() {
        for problem in problems(Stream::Test, 0..20) {
            let solution = mini::plan(&problem).unwrap().solution();
            assert!(Gold::default().with_fallback(mini::answer).is_solved(&problem, &solution).unwrap());
            for text in [solution.as_str(), r"\boxed{0}", "none"] {
                let expected = mini::is_solved(&problem, text).unwrap();
                assert_eq!(Gold::default().with_fallback(mini::answer).is_solved(&problem, text).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_problem_without_an_answer_is_named() {
        for answer in ["", "  ", "so ####  "] {
            let (gold, problem) = gold(answer);
            assert!(gold.is_solved(&problem, "72").unwrap_err().to_string().contains("`q`"), "{answer}");
        }
    }
}
