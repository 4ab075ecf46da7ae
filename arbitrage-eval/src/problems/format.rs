//! Field names of benchmarks.

use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{JsonLine, ProblemsError};
use arbitrage_core::text::excerpt;

/// Which fields of a row hold the question, the answer and the id. Common benchmarks are [known](Format::known); for others, a TOML file
/// names the fields:
///
/// ```toml
/// name = "mine"
/// question = ["context?", "stem"] # joined by a space; a field with `?` may be missing
/// answer = ["key"]                # the first of these that a row has; a list is joined
/// id = ["number"]                 # likewise; without one, the id is made of the line number
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Format {
    /// Name of the benchmark.
    pub name: String,
    /// Fields whose texts, joined by a space, are the question. One that ends in `?` may be missing.
    pub question: Vec<String>,
    /// Further fields that a row must have to be recognised as of this format.
    #[serde(default)]
    pub has: Vec<String>,
    /// Fields for the answer; the first that a row has is used.
    #[serde(default)]
    pub answer: Vec<String>,
    /// Fields for the id; the first that a row has is used.
    #[serde(default)]
    pub id: Vec<String>,
    /// Field of the largest absolute error that is accepted of a numeric answer.
    #[serde(default)]
    pub tolerance: Option<String>,
}

/// Why a file does not describe a format.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML with the expected fields.
    #[error("{path}: expected a format's `name` and `question` fields: {reason}")]
    Toml {
        /// The file.
        path: String,
        /// Line, column, and the problem.
        reason: String,
    },
}

impl Format {
    /// Reads a format's description.
    ///
    /// # Errors
    /// [`FormatError`], naming the file, the line and the field.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, FormatError> {
        let (path, name) = (path.as_ref(), path.as_ref().display().to_string());
        let text = std::fs::read_to_string(path).map_err(|source| FormatError::Io { path: name.clone(), source })?;
        let format: Self = toml::from_str(&text)
            .map_err(|error| FormatError::Toml { path: name.clone(), reason: error.to_string() })?;
        if format.required().next().is_none() {
            let reason = "`question` names no required field; add one without `?`".to_owned();
            return Err(FormatError::Toml { path: name, reason });
        }
        Ok(format)
    }

    /// The formats of known benchmarks: GSM8K, MATH and MATH500, OlympiadBench, AIME, AMC, SVAMP, MultiArith.
    pub fn known() -> &'static [Self] {
        #[derive(Deserialize)]
        struct Formats {
            format: Vec<Format>,
        }
        static KNOWN: LazyLock<Vec<Format>> = LazyLock::new(|| {
            toml::from_str::<Formats>(include_str!("formats.toml")).map_or_else(|_| Vec::new(), |known| known.format)
        });
        &KNOWN
    }

    /// The known format of a row.
    pub(super) fn of(row: &Map<String, Value>) -> Option<&'static Self> {
        let has = |field: &str| row.get(field).is_some_and(|value| !value.is_null());
        Self::known().iter().find(|format| format.required().chain(format.has.iter().map(String::as_str)).all(has))
    }

    fn required(&self) -> impl Iterator<Item = &str> {
        self.question.iter().map(String::as_str).filter(|field| !field.ends_with('?'))
    }

    /// The question: the texts of its fields.
    pub(super) fn question(&self, line: &JsonLine<'_>, row: &Map<String, Value>) -> Result<String, ProblemsError> {
        let mut parts = Vec::new();
        for field in &self.question {
            let (name, optional) = field.strip_suffix('?').map_or((field.as_str(), false), |name| (name, true));
            match line.text(row, name)? {
                Some(text) => parts.push(text.trim().to_owned()),
                None if optional => {}
                None => return Err(line.wrong(format!("`{name}`"), "nothing")),
            }
        }
        parts.retain(|part| !part.is_empty());
        if parts.is_empty() { Err(line.wrong("a question", "white space")) } else { Ok(parts.join(" ")) }
    }

    /// The unprocessed answer.
    pub(super) fn answer(
        &self,
        line: &JsonLine<'_>,
        row: &Map<String, Value>,
    ) -> Result<Option<String>, ProblemsError> {
        let found = self.answer.iter().find_map(|field| Some((field, row.get(field).filter(|v| !v.is_null())?)));
        match found {
            None => Ok(None),
            Some((field, Value::Array(items))) => list(line, field, items).map(Some),
            Some((field, _)) => line.text(row, field),
        }
    }

    /// The row's own id.
    pub(super) fn id(&self, line: &JsonLine<'_>, row: &Map<String, Value>) -> Result<Option<String>, ProblemsError> {
        let field = self.id.iter().find(|field| row.get(*field).is_some_and(|value| !value.is_null()));
        field.map_or(Ok(None), |field| line.text(row, field))
    }

    /// The largest absolute error that is accepted, as a number or as text (OlympiadBench has both).
    pub(super) fn tolerance(
        &self,
        line: &JsonLine<'_>,
        row: &Map<String, Value>,
    ) -> Result<Option<f64>, ProblemsError> {
        let Some(text) = self.tolerance.as_deref().map_or(Ok(None), |field| line.text(row, field))? else {
            return Ok(None);
        };
        // `1e-1,1e-2` gives one error for each of several answers; the smallest is used for all.
        let numbers: Option<Vec<f64>> = text.split(',').map(|part| part.trim().parse::<f64>().ok()).collect();
        let least = numbers.and_then(|all| all.into_iter().reduce(f64::min)).filter(|least| *least >= 0.0);
        match least {
            Some(least) if least.is_finite() => Ok(Some(least)),
            _ => Err(line.wrong("an error of at least 0", excerpt(&text))),
        }
    }
}

/// The answers of a list, joined.
fn list(line: &JsonLine<'_>, field: &str, items: &[Value]) -> Result<String, ProblemsError> {
    let text = |item: &Value| match item {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(line.wrong(format!("texts in `{field}`"), excerpt(&other.to_string()))),
    };
    Ok(items.iter().map(text).collect::<Result<Vec<_>, _>>()?.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::{BadRows, read, read_as};
    use super::*;

    fn row(json: &str) -> (String, Option<String>, String, Option<f64>) {
        let rows = read(Path::new("set.jsonl"), json.as_bytes(), BadRows::Fail).unwrap().rows;
        let row = rows.into_iter().next().unwrap();
        (row.problem.question, row.answer, row.problem.id, row.tolerance)
    }

    #[test]
    fn all_known_formats_are_read() {
        assert_eq!(Format::known().len(), 6);
    }

    #[test]
    fn known_formats_are_recognised() {
        let cases: [(&str, &str, Option<&str>, &str); 9] = [
            (r##"{"question": "How many?", "answer": "2+2\n#### 4"}"##, "How many?", Some("2+2\n#### 4"), "set-1"),
            (
                r#"{"problem": "x?", "solution": "so \\boxed{2}", "level": "Level 3"}"#,
                "x?",
                Some(r"so \boxed{2}"),
                "set-1",
            ),
            (
                r#"{"problem": "x?", "solution": "long", "answer": "2", "unique_id": "t/8.json"}"#,
                "x?",
                Some("2"),
                "t/8.json",
            ),
            (r#"{"problem": "x?", "answer": 142.0, "id": 4}"#, "x?", Some("142.0"), "4"),
            (r#"{"ID": "2024-I-1", "Problem": "x?", "Answer": 204}"#, "x?", Some("204"), "2024-I-1"),
            (
                r#"{"ID": "chal-1", "Body": "Ann has 2.", "Question": "How many?", "Answer": 2.0}"#,
                "Ann has 2. How many?",
                Some("2.0"),
                "chal-1",
            ),
            (r#"{"iIndex": 7, "sQuestion": "How many?", "lSolutions": [5.0]}"#, "How many?", Some("5.0"), "7"),
            (
                r#"{"question": "x?", "context": null, "final_answer": ["$69$", "$84$"], "id": 1606}"#,
                "x?",
                Some("$69$, $84$"),
                "1606",
            ),
            (r#"{"question": "x?", "context": "Let y.", "final_answer": ["2"], "id": 3}"#, "Let y. x?", Some("2"), "3"),
        ];
        for (json, question, answer, id) in cases {
            assert_eq!(row(json), (question.to_owned(), answer.map(str::to_owned), id.to_owned(), None), "{json}");
        }
    }

    #[test]
    fn a_tolerance_is_read() {
        let json = |error: &str| format!(r#"{{"question": "x?", "final_answer": ["0.1"], "error": {error}}}"#);
        assert_eq!(row(&json("\"1e-1, 0.5\"")).3, Some(0.1));
        assert_eq!(row(&json("0.25")).3, Some(0.25));
        assert_eq!(row(&json("null")).3, None);
        for wrong in ["\"much\"", "-1", "\"inf\"", "\"\""] {
            let error = read(Path::new("set.jsonl"), json(wrong).as_bytes(), BadRows::Fail).unwrap_err().to_string();
            assert!(error.contains("set.jsonl: line 1: expected an error of at least 0"), "{error}");
        }
    }

    #[test]
    fn a_description_reads_any_layout() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, "name = 'mine'\nquestion = ['intro?', 'stem']\nanswer = ['key']\nid = ['no']").unwrap();
        let format = Format::read(&path).unwrap();
        let json = r#"{"stem": "How many?", "key": "4", "no": 3, "question": "another"}"#;
        let rows = read_as(&format, Path::new("set.jsonl"), json.as_bytes(), BadRows::Fail).unwrap().rows;
        assert_eq!((rows[0].problem.question.as_str(), rows[0].problem.id.as_str()), ("How many?", "3"));
        let bad = read_as(&format, Path::new("set.jsonl"), &b"{\"question\": \"x\"}"[..], BadRows::Fail).unwrap_err();
        assert!(bad.to_string().contains("expected `stem`, found nothing"), "{bad}");
        for (text, part) in [
            ("name = 'x'", "question"),
            ("name = 'x'\nquestion = []", "question"),
            ("=", "line 1"),
            ("name = 'x'\nquestion = ['q']\nanwser = []", "anwser"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Format::read(&path).unwrap_err().to_string();
            assert!(error.contains("mine.toml") && error.contains(part), "{error}");
        }
        assert!(matches!(Format::read("no/such/file"), Err(FormatError::Io { .. })));
    }
}
