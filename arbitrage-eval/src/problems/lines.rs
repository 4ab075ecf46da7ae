//! Reads files of JSON lines, each of which is an object.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use arbitrage_core::text::excerpt;

/// Maximum length of a line, in bytes.
pub const MAX_LINE_BYTES: usize = 1 << 22;

/// How invalid rows are handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadRows {
    /// The first invalid row is an error.
    #[default]
    Fail,
    /// Invalid rows are skipped, and their errors are returned.
    Skip,
}

/// Errors of a file of rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemsError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// A row is invalid.
    #[error("{}: line {line}{}: expected {expected}, found {found}", path.display(), column.map_or(String::new(), |c| format!(", column {c}")))]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1, where it is known.
        column: Option<usize>,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The file has no valid row.
    #[error("{}: no usable row in {lines} lines", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// Number of lines.
        lines: usize,
    },
}

/// Reads every line that is not blank. `parse` turns an object into rows; `bad` says whether its errors end the reading or skip the line.
///
/// # Errors
/// [`ProblemsError`], naming file, line and field.
pub(crate) fn read_lines<R>(
    path: &Path,
    mut reader: impl BufRead,
    bad: BadRows,
    mut parse: impl FnMut(&JsonLine<'_>, &Map<String, Value>) -> Result<Vec<R>, ProblemsError>,
) -> Result<(Vec<R>, Vec<ProblemsError>), ProblemsError> {
    let (mut rows, mut skipped, mut line) = (Vec::new(), Vec::new(), 0);
    while let Some(bytes) =
        next_line(&mut reader).map_err(|source| ProblemsError::Io { path: path.to_owned(), source })?
    {
        line += 1;
        let line = JsonLine { path, line };
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

/// The next line without its line feed, cut to one byte more than [`MAX_LINE_BYTES`]; the rest of a longer line is skipped.
fn next_line(reader: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    if reader.by_ref().take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if bytes.len() > MAX_LINE_BYTES {
        reader.skip_until(b'\n')?;
    }
    Ok(Some(bytes))
}

/// The position of a line in a file.
pub(crate) struct JsonLine<'a> {
    path: &'a Path,
    line: usize,
}

impl JsonLine<'_> {
    /// The error of a row that has `found` in place of `expected`.
    pub(crate) fn wrong(&self, expected: impl Into<String>, found: impl Into<String>) -> ProblemsError {
        let (path, line) = (self.path.to_owned(), self.line);
        ProblemsError::Row { path, line, column: None, expected: expected.into(), found: found.into() }
    }

    fn object(&self, bytes: &[u8]) -> Result<Option<Map<String, Value>>, ProblemsError> {
        if bytes.len() > MAX_LINE_BYTES {
            return Err(self.wrong(format!("at most {MAX_LINE_BYTES} bytes"), "more"));
        }
        let bytes = if self.line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| self.wrong("UTF-8", format!("an invalid byte at {}", error.valid_up_to() + 1)))?;
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

    /// The field `question`, or else `problem`.
    pub(crate) fn question(&self, row: &Map<String, Value>) -> Result<String, ProblemsError> {
        match (self.text(row, "question")?, self.text(row, "problem")?) {
            (Some(question), _) | (None, Some(question)) if !question.trim().is_empty() => Ok(question),
            (None, None) => Err(self.wrong("`question` or `problem`", "neither")),
            _ => Err(self.wrong("a question", "white space")),
        }
    }

    /// The row's source and id. They default to the file's name without its extension, and to `SOURCE-LINE`.
    pub(crate) fn names(&self, row: &Map<String, Value>) -> Result<(String, String), ProblemsError> {
        let stem = || self.path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let source = self.text(row, "source")?.unwrap_or_else(stem);
        let id = self.text(row, "id")?.unwrap_or_else(|| format!("{source}-{}", self.line));
        Ok((source, id))
    }

    /// A field of text; numbers are converted to text.
    pub(crate) fn text(&self, row: &Map<String, Value>, field: &str) -> Result<Option<String>, ProblemsError> {
        match row.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(self.wrong(format!("text in `{field}`"), excerpt(&other.to_string()))),
        }
    }
}
