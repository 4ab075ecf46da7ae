//! Reads files of problems.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use arbitrage_core::Problem;
use serde_json::{Map, Value};

use super::format::Format;
use super::lines::{BadRows, JsonLine, ProblemsError, read_lines};
use arbitrage_core::text::{excerpt, fnv1a};

/// A problem with its source and, where the row has one, its right answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProblemRow {
    /// The problem. Its id is the row's or `SOURCE-LINE`; its seed is a hash of the id.
    pub problem: Problem,
    /// The row's `source`, or the file's name without its extension.
    pub source: String,
    /// The unprocessed answer. In GSM8K it is a whole solution.
    pub answer: Option<String>,
    /// The largest absolute error that is accepted of a numeric answer, where the row has one.
    pub tolerance: Option<f64>,
}

/// The rows of a file.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ProblemRows {
    /// The valid rows, in the file's order.
    pub rows: Vec<ProblemRow>,
    /// The errors of rows that were skipped.
    pub skipped: Vec<ProblemsError>,
}

/// Reads a file of JSON lines, each in the [format](Format::known) of a known benchmark: usually an object with `question` (or `problem`),
/// and optionally `id`, `answer` and `source`. Blank lines, a byte order mark and Windows line ends are accepted.
///
/// # Errors
/// [`ProblemsError`], naming file, line and field.
pub fn read_file(path: impl AsRef<Path>, bad: BadRows) -> Result<ProblemRows, ProblemsError> {
    read(path.as_ref(), open(path.as_ref())?, bad)
}

/// As [`read_file`], in the given format.
///
/// # Errors
/// As [`read_file`].
pub fn read_file_as(format: &Format, path: impl AsRef<Path>, bad: BadRows) -> Result<ProblemRows, ProblemsError> {
    read_as(format, path.as_ref(), open(path.as_ref())?, bad)
}

fn open(path: &Path) -> Result<BufReader<File>, ProblemsError> {
    File::open(path).map(BufReader::new).map_err(|source| ProblemsError::Io { path: path.to_owned(), source })
}

/// As [`read_file`], from any reader; `path` is only used in messages and for default names.
///
/// # Errors
/// As [`read_file`].
pub fn read(path: &Path, reader: impl BufRead, bad: BadRows) -> Result<ProblemRows, ProblemsError> {
    read_rows(path, reader, bad, |line, row| {
        Format::of(row).ok_or_else(|| line.wrong("`question` or `problem`", "neither"))
    })
}

/// As [`read_file_as`], from any reader.
///
/// # Errors
/// As [`read_file`].
pub fn read_as(format: &Format, path: &Path, reader: impl BufRead, bad: BadRows) -> Result<ProblemRows, ProblemsError> {
    read_rows(path, reader, bad, |_, _| Ok(format))
}

fn read_rows<'f>(
    path: &Path,
    reader: impl BufRead,
    bad: BadRows,
    format: impl Fn(&JsonLine<'_>, &Map<String, Value>) -> Result<&'f Format, ProblemsError>,
) -> Result<ProblemRows, ProblemsError> {
    let mut ids = HashSet::new();
    let (rows, skipped) = read_lines(path, reader, bad, |line, row| {
        let row = problem(format(line, row)?, line, row)?;
        if ids.insert(row.problem.id.clone()) {
            Ok(vec![row])
        } else {
            Err(line.wrong("a unique id", format!("`{}` again", excerpt(&row.problem.id))))
        }
    })?;
    Ok(ProblemRows { rows, skipped })
}

fn problem(format: &Format, line: &JsonLine<'_>, row: &Map<String, Value>) -> Result<ProblemRow, ProblemsError> {
    let question = format.question(line, row)?;
    let (source, named) = line.names(row)?;
    let id = format.id(line, row)?.unwrap_or(named);
    let problem = Problem::new(question).with_seed(fnv1a(id.bytes())).with_id(id);
    Ok(ProblemRow { problem, source, answer: format.answer(line, row)?, tolerance: format.tolerance(line, row)? })
}

#[cfg(test)]
mod tests {
    use super::super::MAX_LINE_BYTES;
    use super::*;

    fn parse(text: &[u8], bad: BadRows) -> Result<ProblemRows, ProblemsError> {
        read(Path::new("set/problems.jsonl"), text, bad)
    }

    #[test]
    fn rows_of_known_formats_are_read() {
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
    fn an_overlong_line_is_skipped_in_bounded_memory() {
        let long = b"{\"question\": \"".repeat(MAX_LINE_BYTES / 14 + 2);
        let text = [&long[..], b"\n{\"question\": \"good\"}"].concat();
        let rows = parse(&text, BadRows::Skip).unwrap();
        assert_eq!((rows.rows.len(), rows.rows[0].problem.id.as_str()), (1, "problems-2"));
    }

    #[test]
    fn files_without_a_valid_row_are_errors() {
        for text in ["", "\n\n", "[]"] {
            assert!(matches!(parse(text.as_bytes(), BadRows::Skip), Err(ProblemsError::Empty { .. })));
        }
        assert!(matches!(read_file("no/such/file", BadRows::Fail), Err(ProblemsError::Io { .. })));
    }
}
