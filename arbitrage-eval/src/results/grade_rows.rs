//! Verdicts on solutions, as a file of grades holds them.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;

use arbitrage_grader::{Grade, Profile};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::Outcome;
use crate::problems::{BadRows, ProblemsError, read_lines};

/// One row of a file of grades: the verdict on one solution, and what the grader compared. Only `id` and `verdict` are required, so that
/// grades of any grader can be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GradeRow {
    /// The problem's id.
    pub id: String,
    /// Whether the answer is right.
    pub verdict: Outcome,
    /// Wall time of the solution in seconds, where it was measured: a trace only has the sum of the roles' times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The right answer; empty where it is unknown.
    #[serde(default, deserialize_with = "text_or_number")]
    pub gold: String,
    /// The answer that was found in the solution; empty where there is none.
    #[serde(default, deserialize_with = "text_or_number")]
    pub extracted: String,
    /// Name of the grading profile; empty where the grader has none.
    #[serde(default, deserialize_with = "text_or_number", skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// The grader's other fields, such as `rule`, `found` and `flags` of an [`arbitrage_grader::Grade`].
    #[serde(flatten)]
    pub details: Map<String, Value>,
}

impl GradeRow {
    /// A bare verdict.
    pub fn new(id: impl Into<String>, verdict: Outcome) -> Self {
        let (gold, extracted, profile) = (String::new(), String::new(), String::new());
        Self { id: id.into(), verdict, seconds: None, gold, extracted, profile, details: Map::new() }
    }

    /// Adds the wall time in seconds.
    pub fn with_seconds(mut self, seconds: f64) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// Adds the right answer and the profile that solutions are graded by.
    pub fn with_gold(mut self, gold: impl Into<String>, profile: Profile) -> Self {
        self.gold = gold.into();
        // A profile is a plain name.
        if let Ok(Value::String(name)) = serde_json::to_value(profile) {
            self.profile = name;
        }
        self
    }

    /// Adds what the grader found, and why it decided as it did.
    pub fn with_grade(mut self, grade: &Grade) -> Self {
        self.extracted.clone_from(&grade.extracted);
        // A grade is plain data, so that it always has a JSON object.
        if let Ok(Value::Object(mut fields)) = serde_json::to_value(grade) {
            fields.remove("extracted");
            // The row's own verdict also covers failures of the engine, so that the grader's is called `grade`.
            if let Some(verdict) = fields.remove("verdict") {
                fields.insert("grade".to_owned(), verdict);
            }
            self.details = fields;
        }
        self
    }

    /// Name of the rule that decided, where the grader gives one.
    pub fn rule(&self) -> Option<&str> {
        self.details.get("rule")?.as_str().filter(|rule| !rule.is_empty())
    }
}

/// Benchmarks store numeric answers as text or as numbers; null stands for none.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Ok(String::new()),
        other => Err(serde::de::Error::custom(format!("expected text or a number, found {other}"))),
    }
}

/// Grades by problem id. Of two rows of one problem the later counts, as in a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grades(BTreeMap<String, GradeRow>);

impl Grades {
    /// Collects rows; a later row replaces an earlier one of the same problem.
    pub fn new(rows: impl IntoIterator<Item = GradeRow>) -> Self {
        Self(rows.into_iter().map(|row| (row.id.clone(), row)).collect())
    }

    /// Reads JSON lines. `path` is only used in messages.
    ///
    /// # Errors
    /// [`ProblemsError`], naming file and line, for the first row that is not a [`GradeRow`], and for a file without any.
    pub fn read(path: &Path, reader: impl BufRead) -> Result<Self, ProblemsError> {
        let (rows, _) = read_lines(path, reader, BadRows::Fail, |line, row| {
            let wrong = |error: serde_json::Error| line.wrong("a grade with `id` and `verdict`", error.to_string());
            Ok(vec![serde_json::from_value::<GradeRow>(Value::Object(row.clone())).map_err(wrong)?])
        })?;
        Ok(Self::new(rows))
    }

    /// The grade of a problem.
    pub fn get(&self, id: &str) -> Option<&GradeRow> {
        self.0.get(id)
    }

    /// The grades, by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &GradeRow> {
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
        assert_eq!(grades.get("b").unwrap().rule(), Some("size"));
    }

    #[test]
    fn rows_without_required_fields_are_refused_by_line() {
        for (text, part) in [
            ("", "no usable row"),
            ("{\"id\": \"a\"}", "line 1: expected a grade"),
            ("{\"id\": \"a\", \"verdict\": \"right\"}\n{\"id\": 1, \"verdict\": \"right\"}", "line 2"),
            ("{\"id\": \"a\", \"verdict\": \"perhaps\"}", "perhaps"),
            ("{\"id\": \"a\", \"verdict\": \"right\", \"gold\": [4]}", "text or a number"),
            ("[]", "line 1"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let text = r#"{"id": "a", "verdict": "wrong", "gold": 4, "extracted": "", "profile": "strict", "rule": "symbols", "flags": ["unit_ignored"]}"#;
        let grades = read(text).unwrap();
        let row = grades.get("a").unwrap();
        assert_eq!((&*row.gold, &*row.extracted, &*row.profile), ("4", "", "strict"));
        let written = serde_json::to_string(row).unwrap();
        assert_eq!(&serde_json::from_str::<GradeRow>(&written).unwrap(), row);
        assert!(written.contains(r#""flags":["unit_ignored"]"#), "{written}");
    }
}
