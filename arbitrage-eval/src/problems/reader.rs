//! Reading files of problems.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use arbitrage_core::Problem;
use serde_json::{Map, Value};

use crate::text::{fnv, shown};

/// Longest line that is read, in bytes.
pub const LONGEST_LINE: usize = 1 << 22;

/// What becomes of rows that cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadRows {
    /// The first one is an error.
    #[default]
    Fail,
    /// They are left out and counted.
    Skip,
}

/// A problem, where it is from, and its gold answer where the row has one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProblemRow {
    /// The problem. Its id is the row's, or `SOURCE-LINE`, and its seed depends on the id alone.
    pub problem: Problem,
    /// The row's `source`, or the file's name without its ending.
    pub source: String,
    /// `answer`, whole: GSM8K keeps the worked solution in it.
    pub answer: Option<String>,
}

/// What a file held.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Rows {
    /// The good rows, in the file's order.
    pub rows: Vec<ProblemRow>,
    /// Why others were left out.
    pub skipped: Vec<ProblemsError>,
}

/// What is wrong with a file of problems.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemsError {
    /// The operating system refused to read it.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's own error.
        #[source]
        source: std::io::Error,
    },
    /// A row cannot be used.
    #[error("{}: line {line}{}: expected {expected}, found {found}", path.display(), column.map_or(String::new(), |c| format!(", column {c}")))]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1, where it is known.
        column: Option<usize>,
        /// What belongs there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Not one row can be used.
    #[error("{}: no problem in {lines} lines", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// Its lines.
        lines: usize,
    },
}

/// Reads a file of JSON lines: objects with `question` (or `problem`), and perhaps `id`, `answer` and `source`. Blank lines, a
/// byte order mark and Windows' line ends do not matter.
///
/// # Errors
/// [`ProblemsError`], naming file, line and field.
pub fn read_file(path: impl AsRef<Path>, bad: BadRows) -> Result<Rows, ProblemsError> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|source| ProblemsError::Io { path: path.to_owned(), source })?;
    read(path, BufReader::new(file), bad)
}

/// As [`read_file`], from any reader; `path` is for messages and for names.
///
/// # Errors
/// As [`read_file`].
pub fn read(path: &Path, mut reader: impl BufRead, bad: BadRows) -> Result<Rows, ProblemsError> {
    let (mut rows, mut line, mut ids) = (Rows::default(), 0, std::collections::HashSet::new());
    while let Some(bytes) =
        next_line(&mut reader).map_err(|source| ProblemsError::Io { path: path.to_owned(), source })?
    {
        line += 1;
        let found = Line { path, line }.parse(&bytes).and_then(|row| match row {
            Some(row) if !ids.insert(row.problem.id.clone()) => {
                Err(Line { path, line }.wrong("an id of its own", format!("`{}` again", shown(&row.problem.id))))
            }
            row => Ok(row),
        });
        match found {
            Ok(row) => rows.rows.extend(row),
            Err(error) if bad == BadRows::Fail => return Err(error),
            Err(error) => rows.skipped.push(error),
        }
    }
    if rows.rows.is_empty() { Err(ProblemsError::Empty { path: path.to_owned(), lines: line }) } else { Ok(rows) }
}

/// A line without its end, or no more of it than [`LONGEST_LINE`] and a byte; the rest is passed over.
fn next_line(reader: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    if reader.by_ref().take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if bytes.len() > LONGEST_LINE {
        reader.skip_until(b'\n')?;
    }
    Ok(Some(bytes))
}

struct Line<'a> {
    path: &'a Path,
    line: usize,
}

impl Line<'_> {
    fn wrong(&self, expected: impl Into<String>, found: impl Into<String>) -> ProblemsError {
        let (path, line) = (self.path.to_owned(), self.line);
        ProblemsError::Row { path, line, column: None, expected: expected.into(), found: found.into() }
    }

    fn parse(&self, bytes: &[u8]) -> Result<Option<ProblemRow>, ProblemsError> {
        if bytes.len() > LONGEST_LINE {
            return Err(self.wrong(format!("at most {LONGEST_LINE} bytes"), "more"));
        }
        let bytes = if self.line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| self.wrong("UTF-8", format!("another byte at {}", error.valid_up_to() + 1)))?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        let value: Value = serde_json::from_str(text).map_err(|error| ProblemsError::Row {
            path: self.path.to_owned(),
            line: self.line,
            column: Some(error.column()),
            expected: "a JSON object".to_owned(),
            found: error.to_string(),
        })?;
        match value {
            Value::Object(row) => self.row(&row).map(Some),
            other => Err(self.wrong("a JSON object", shown(&other.to_string()))),
        }
    }

    fn row(&self, row: &Map<String, Value>) -> Result<ProblemRow, ProblemsError> {
        let question = match (self.text(row, "question")?, self.text(row, "problem")?) {
            (Some(question), _) | (None, Some(question)) if !question.trim().is_empty() => question,
            (None, None) => return Err(self.wrong("`question` or `problem`", "neither")),
            _ => return Err(self.wrong("a question", "white space")),
        };
        let stem = || self.path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let source = self.text(row, "source")?.unwrap_or_else(stem);
        let id = self.text(row, "id")?.unwrap_or_else(|| format!("{source}-{}", self.line));
        let problem = Problem::new(question).with_seed(fnv(id.bytes())).with_id(id);
        Ok(ProblemRow { problem, source, answer: self.text(row, "answer")? })
    }

    /// A field that holds text, or a number, which then is its text.
    fn text(&self, row: &Map<String, Value>, field: &str) -> Result<Option<String>, ProblemsError> {
        match row.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(self.wrong(format!("text in `{field}`"), shown(&other.to_string()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8], bad: BadRows) -> Result<Rows, ProblemsError> {
        read(Path::new("set/problems.jsonl"), text, bad)
    }

    #[test]
    fn rows_of_the_known_shapes_are_read() {
        let text = "\u{feff}{\"question\": \"1+1?\", \"answer\": \"#### 2\"}\r\n\r\n{\"problem\": \"2+2?\", \"id\": \"x\", \"source\": \"s\", \"answer\": 4}\n{\"question\":\"3\"}";
        let rows = parse(text.as_bytes(), BadRows::Fail).unwrap().rows;
        let seen: Vec<_> = rows.iter().map(|r| (&*r.problem.id, &*r.source, r.answer.as_deref())).collect();
        assert_eq!(
            seen,
            [("problems-1", "problems", Some("#### 2")), ("x", "s", Some("4")), ("problems-4", "problems", None)]
        );
        assert_ne!(rows[0].problem.seed, rows[1].problem.seed);
    }

    #[test]
    fn bad_rows_are_named_or_skipped() {
        let bad: [(&[u8], &str); 9] = [
            (b"{\"question\": \"1\"", "column"),
            (b"[1]", "JSON object"),
            (b"{\"answer\": \"1\"}", "`question`"),
            (b"{\"question\": [1]}", "text in `question`"),
            (b"{\"question\": \" \"}", "white space"),
            (b"{\"question\": \"1\", \"answer\": {}}", "`answer`"),
            (b"{\"question\": \"\xff\"}", "UTF-8"),
            (b"{\"question\": \"again\", \"id\": \"problems-1\"}", "again"),
            (b"null", "null"),
        ];
        for (row, part) in bad {
            let text = [b"{\"question\": \"good\"}\n", row, b"\n{\"question\": \"good\"}"].concat();
            let error = parse(&text, BadRows::Fail).unwrap_err().to_string();
            assert!(error.contains("problems.jsonl: line 2") && error.contains(part), "{error}");
            let rows = parse(&text, BadRows::Skip).unwrap();
            assert_eq!((rows.rows.len(), rows.skipped.len()), (2, 1), "{error}");
        }
    }

    #[test]
    fn an_endless_line_is_passed_over_in_bounded_memory() {
        let long = b"{\"question\": \"".repeat(LONGEST_LINE / 14 + 2);
        let text = [&long[..], b"\n{\"question\": \"good\"}"].concat();
        let rows = parse(&text, BadRows::Skip).unwrap();
        assert_eq!((rows.rows.len(), rows.rows[0].problem.id.as_str()), (1, "problems-2"));
    }

    #[test]
    fn files_without_a_problem_are_errors() {
        for text in ["", "\n\n", "[]"] {
            assert!(matches!(parse(text.as_bytes(), BadRows::Skip), Err(ProblemsError::Empty { .. })));
        }
        assert!(matches!(read_file("no/such/file", BadRows::Fail), Err(ProblemsError::Io { .. })));
    }
}
