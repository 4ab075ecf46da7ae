//! Verdicts on solutions, as a grader left them.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Outcome;
use crate::problems::{BadRows, ProblemsError, read_lines};

/// One row of a file of grades. Other fields may stand beside these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Grade {
    /// The problem's id.
    pub id: String,
    /// How it came out.
    pub verdict: Outcome,
    /// Wall time of the solution in seconds, where it was measured: the trace knows but the sum of the roles' times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

impl Grade {
    /// A verdict without a measured time.
    pub fn new(id: impl Into<String>, verdict: Outcome) -> Self {
        Self { id: id.into(), verdict, seconds: None }
    }

    /// Adds the wall time in seconds.
    pub fn with_seconds(mut self, seconds: f64) -> Self {
        self.seconds = Some(seconds);
        self
    }
}

/// Grades by their problems' ids. Of two of one problem the later counts, as in a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grades(BTreeMap<String, Grade>);

impl Grades {
    /// Grades in the order in which they were given.
    pub fn new(grades: impl IntoIterator<Item = Grade>) -> Self {
        Self(grades.into_iter().map(|grade| (grade.id.clone(), grade)).collect())
    }

    /// Reads JSON lines. `path` serves messages.
    ///
    /// # Errors
    /// [`ProblemsError`], naming file and line, for the first row that is no [`Grade`], and for a file without any.
    pub fn read(path: &Path, reader: impl BufRead) -> Result<Self, ProblemsError> {
        let (grades, _) = read_lines(path, reader, BadRows::Fail, |line, row| {
            let wrong = |error: serde_json::Error| line.wrong("a grade with `id` and `verdict`", error.to_string());
            Ok(vec![serde_json::from_value::<Grade>(Value::Object(row.clone())).map_err(wrong)?])
        })?;
        Ok(Self::new(grades))
    }

    /// The grade of a problem.
    pub fn get(&self, id: &str) -> Option<&Grade> {
        self.0.get(id)
    }

    /// The grades, by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Grade> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Grades, ProblemsError> {
        Grades::read(Path::new("grades.jsonl"), text.as_bytes())
    }

    #[test]
    fn the_later_row_counts_and_graders_words_are_known() {
        let text = r#"{"id": "a", "verdict": "wrong"}
{"id": "b", "verdict": "refused", "rule": "size"}
{"id": "c", "verdict": "no_answer", "seconds": 1.5}
{"id": "a", "verdict": "correct"}"#;
        let grades = read(text).unwrap();
        let verdicts: Vec<_> = grades.iter().map(|grade| (&*grade.id, grade.verdict)).collect();
        assert_eq!(verdicts, [("a", Outcome::Right), ("b", Outcome::Errored), ("c", Outcome::Wrong)]);
        assert_eq!(grades.get("c").unwrap().seconds, Some(1.5));
    }

    #[test]
    fn rows_that_are_none_are_refused_by_line() {
        for (text, part) in [
            ("", "nothing to use"),
            ("{\"id\": \"a\"}", "line 1: expected a grade"),
            ("{\"id\": \"a\", \"verdict\": \"right\"}\n{\"id\": 1, \"verdict\": \"right\"}", "line 2"),
            ("{\"id\": \"a\", \"verdict\": \"perhaps\"}", "perhaps"),
            ("[]", "line 1"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
