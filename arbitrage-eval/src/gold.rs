//! The right answers of problems: [`Gold`].

use std::borrow::Cow;
use std::collections::HashMap;

use arbitrage_core::Problem;
use arbitrage_grader::{Grade, Grader, Kind, Profile, gold_answer};

use crate::problems::ProblemRow;

/// Says whether a whole solution is right: by the `answer` of the problem's row, or, for a family of problems whose answers follow from
/// their questions, by the function given to [`Gold::with_fallback`].
///
/// Answers are compared by the [`Grader`], under the tolerance of the row if it has one. Of an answer that is a worked solution, as
/// GSM8K's are, [`gold_answer`] counts.
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
    /// By question: the answer, and the greatest error that is allowed.
    answers: HashMap<String, (String, f64)>,
    fallback: Option<fn(&Problem) -> Option<String>>,
    grader: Grader,
}

/// A problem whose right answer is not known.
#[derive(Debug, thiserror::Error)]
#[error("problem `{id}` comes without an answer: its row has none in `answer`, and it is not of the mini family")]
pub struct NoAnswer {
    /// The problem's name.
    pub id: String,
}

impl Gold {
    /// The answers that rows hold.
    pub fn new<'r>(rows: impl IntoIterator<Item = &'r ProblemRow>) -> Self {
        let answer = |row: &ProblemRow| {
            let answer = gold_answer(row.answer.as_deref()?);
            let tolerance = row.tolerance.unwrap_or(0.0);
            (!answer.is_empty()).then(|| (row.problem.question.clone(), (answer, tolerance)))
        };
        Self { answers: rows.into_iter().filter_map(answer).collect(), ..Self::default() }
    }

    /// Asks `answer` about problems whose rows hold none.
    pub fn with_fallback(mut self, answer: fn(&Problem) -> Option<String>) -> Self {
        self.fallback = Some(answer);
        self
    }

    /// Grades by another profile.
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.grader = Grader::new(profile);
        self
    }

    /// The profile that grades.
    pub fn profile(&self) -> Profile {
        self.grader.profile()
    }

    /// The right answer.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub fn answer(&self, problem: &Problem) -> Result<Cow<'_, str>, NoAnswer> {
        let generated = || self.fallback.and_then(|answer| answer(problem)).map(Cow::Owned);
        let known = self.answers.get(&problem.question).map(|(answer, _)| Cow::Borrowed(answer.as_str()));
        known.or_else(generated).ok_or_else(|| NoAnswer { id: problem.id.clone() })
    }

    /// Grades `text`, a whole solution.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub fn grade(&self, problem: &Problem, text: &str) -> Result<Grade, NoAnswer> {
        let answer = self.answer(problem)?;
        let tolerance = self.answers.get(&problem.question).map_or(0.0, |(_, tolerance)| *tolerance);
        Ok(self.grader.with_tolerance(tolerance).grade_response(&answer, text, Kind::Response))
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

    use super::*;
    use crate::problems::{BadRows, read};
    use arbitrage_mini::{self as mini, Stream, problems};

    fn gold(answer: &str) -> (Gold, Problem) {
        let line = serde_json::json!({ "question": "How many?", "answer": answer, "id": "q" }).to_string();
        let rows = read(Path::new("set.jsonl"), line.as_bytes(), BadRows::Fail).unwrap().rows;
        (Gold::new(&rows), rows[0].problem.clone())
    }

    #[test]
    fn answers_of_the_known_shapes_are_read() {
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
    fn a_row_says_how_close_is_close_enough() {
        for (tolerance, solved) in [(Some(0.1), true), (Some(0.01), false), (None, false)] {
            let line = br#"{"question": "How far?", "answer": "2.5"}"#;
            let mut rows = read(Path::new("set.jsonl"), &line[..], BadRows::Fail).unwrap().rows;
            rows[0].tolerance = tolerance;
            assert_eq!(Gold::new(&rows).is_solved(&rows[0].problem, "It is 2.6.").unwrap(), solved, "{tolerance:?}");
        }
    }

    #[test]
    fn problems_of_the_family_need_no_row() {
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
