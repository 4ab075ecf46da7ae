//! Files of JSON lines, each an object, checked line by line.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use arbitrage_core::text::excerpt;

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

/// What is wrong with a file of rows.
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
    #[error("{}: nothing to use in {lines} lines", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// Its lines.
        lines: usize,
    },
}

/// Reads every line that is not blank. `parse` makes rows of each object; what it refuses is an error or left out, as `bad` says.
///
/// # Errors
/// [`ProblemsError`], naming file, line and field.
pub(crate) fn read_lines<R>(
    path: &Path,
    mut reader: impl BufRead,
    bad: BadRows,
    mut parse: impl FnMut(&Line<'_>, &Map<String, Value>) -> Result<Vec<R>, ProblemsError>,
) -> Result<(Vec<R>, Vec<ProblemsError>), ProblemsError> {
    let (mut rows, mut skipped, mut line) = (Vec::new(), Vec::new(), 0);
    while let Some(bytes) =
        next_line(&mut reader).map_err(|source| ProblemsError::Io { path: path.to_owned(), source })?
    {
        line += 1;
        let line = Line { path, line };
        match line.object(&bytes).and_then(|row| row.map_or(Ok(Vec::new()), |row| parse(&line, &row))) {
            Ok(found) => rows.extend(found),
            Err(error) if bad == BadRows::Fail => return Err(error),
            Err(error) => skipped.push(error),
        }
    }
    if rows.is_empty() {
        return Err(ProblemsError::Empty { path: path.to_owned(), lines: line });
    }
    Ok((rows, skipped))
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

/// A place in a file.
pub(crate) struct Line<'a> {
    path: &'a Path,
    line: usize,
}

impl Line<'_> {
    /// The error of a row in which `found` stands where `expected` belongs.
    pub fn wrong(&self, expected: impl Into<String>, found: impl Into<String>) -> ProblemsError {
        let (path, line) = (self.path.to_owned(), self.line);
        ProblemsError::Row { path, line, column: None, expected: expected.into(), found: found.into() }
    }

    fn object(&self, bytes: &[u8]) -> Result<Option<Map<String, Value>>, ProblemsError> {
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
            Value::Object(row) => Ok(Some(row)),
            other => Err(self.wrong("a JSON object", excerpt(&other.to_string()))),
        }
    }

    /// `question`, or else `problem`.
    pub fn question(&self, row: &Map<String, Value>) -> Result<String, ProblemsError> {
        match (self.text(row, "question")?, self.text(row, "problem")?) {
            (Some(question), _) | (None, Some(question)) if !question.trim().is_empty() => Ok(question),
            (None, None) => Err(self.wrong("`question` or `problem`", "neither")),
            _ => Err(self.wrong("a question", "white space")),
        }
    }

    /// The row's source and id: its own, or the file's name without its ending, and `SOURCE-LINE`.
    pub fn names(&self, row: &Map<String, Value>) -> Result<(String, String), ProblemsError> {
        let stem = || self.path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let source = self.text(row, "source")?.unwrap_or_else(stem);
        let id = self.text(row, "id")?.unwrap_or_else(|| format!("{source}-{}", self.line));
        Ok((source, id))
    }

    /// A field that holds text, or a number, which then is its text.
    pub fn text(&self, row: &Map<String, Value>, field: &str) -> Result<Option<String>, ProblemsError> {
        match row.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(self.wrong(format!("text in `{field}`"), excerpt(&other.to_string()))),
        }
    }
}
