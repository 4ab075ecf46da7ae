//! Grading files of rows: the core of the command `arbitrage grade`.

use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;

use crate::problems::{BadRows, Line, ProblemsError, read_lines};
use arbitrage_grader::{Grade, Grader, Kind};

/// A row of a file to be graded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The row's `id`, or its place in the file.
    pub id: String,
    /// The right answer.
    pub gold: String,
    /// What is graded.
    pub pred: String,
    /// What `pred` is: `kind` says `equiv` for a bare answer, which is the default; `raw` or `extract` for a whole response;
    /// `choice-raw` for one that chooses a letter.
    pub kind: Kind,
    /// Whether the two are equal, where that is known.
    pub should_match: Option<bool>,
    /// Whether the row counts: those with a `convention` or `disputed` are matters of taste.
    pub scored: bool,
    /// What the row belongs to, of its own `tag` or `family`.
    pub group: String,
}

/// The outcome of a row.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct GradedRow {
    /// The row's name.
    pub id: String,
    /// Verdict, reasons and what was found.
    #[serde(flatten)]
    pub grade: Grade,
    /// Wall time, in microseconds.
    pub micros: u64,
}

/// A share of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Shares {
    /// Rows whose verdict is as it should be.
    pub right: usize,
    /// Rows.
    pub of: usize,
}

/// How many verdicts are as they should be, and what they took.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Rows that must match.
    pub must_match: Shares,
    /// Rows that must not.
    pub must_not_match: Shares,
    /// Rows, scored or not.
    pub rows: usize,
    /// Wall time that 99 of 100 rows stay below, in microseconds.
    pub p99_micros: u64,
    /// Greatest wall time, in microseconds.
    pub max_micros: u64,
}

impl Shares {
    fn count(&mut self, right: bool) {
        self.right += usize::from(right);
        self.of += 1;
    }

    /// The share in percent; 100 of nothing.
    pub fn percent(self) -> f64 {
        if self.of == 0 { 100.0 } else { self.right as f64 / self.of as f64 * 100.0 }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = Shares {
            right: self.must_match.right + self.must_not_match.right,
            of: self.must_match.of + self.must_not_match.of,
        };
        let share = |shares: Shares| format!("{:.1}% ({} of {})", shares.percent(), shares.right, shares.of);
        let parts = (share(all), share(self.must_match), share(self.must_not_match));
        write!(f, "{} rows; as expected: {}; must match {}; must not {}", self.rows, parts.0, parts.1, parts.2)?;
        write!(f, "; p99 {} µs, greatest {} µs", self.p99_micros, self.max_micros)
    }
}

/// Reads rows of `gold` and `pred`, and perhaps `id`, `kind`, `should_match`, `convention`, `disputed`, `tag` and `family`.
///
/// # Errors
/// [`ProblemsError`], naming file, line and field.
pub fn read_rows(
    path: &Path,
    reader: impl BufRead,
    bad: BadRows,
) -> Result<(Vec<Row>, Vec<ProblemsError>), ProblemsError> {
    read_lines(path, reader, bad, |line, row| parsed(line, row).map(|row| vec![row]))
}

fn parsed(line: &Line<'_>, row: &serde_json::Map<String, Value>) -> Result<Row, ProblemsError> {
    let text = |field: &str| line.text(row, field)?.ok_or_else(|| line.wrong(format!("`{field}`"), "none"));
    let kind = match line.text(row, "kind")?.as_deref() {
        None | Some("equiv") => Kind::Answer,
        Some("raw" | "extract") => Kind::Response,
        Some("choice-raw") => Kind::Choice,
        Some(other) => {
            return Err(line.wrong("equiv, raw, extract or choice-raw in `kind`", arbitrage_core::text::excerpt(other)));
        }
    };
    let should_match = match row.get("should_match") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(should)) => Some(*should),
        Some(other) => {
            return Err(
                line.wrong("true, false or null in `should_match`", arbitrage_core::text::excerpt(&other.to_string()))
            );
        }
    };
    let taste = ["convention", "disputed"].iter().any(|field| row.get(*field).is_some_and(|value| !value.is_null()));
    let group = match line.text(row, "tag")? {
        Some(tag) => tag,
        None => line.text(row, "family")?.unwrap_or_default(),
    };
    let (_, id) = line.names(row)?;
    Ok(Row { id, gold: text("gold")?, pred: text("pred")?, kind, should_match, scored: !taste, group })
}

/// Grades rows one by one, hands each outcome to `see`, and sums up.
///
/// # Errors
/// Those of `see`.
pub fn grade_rows<E>(
    grader: Grader,
    rows: &[Row],
    mut see: impl FnMut(&Row, &GradedRow) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut summary = Summary { rows: rows.len(), ..Summary::default() };
    let mut micros = Vec::with_capacity(rows.len());
    for row in rows {
        let start = Instant::now();
        let grade = grader.grade_response(&row.gold, &row.pred, row.kind);
        let graded = GradedRow { id: row.id.clone(), grade, micros: start.elapsed().as_micros() as u64 };
        micros.push(graded.micros);
        if let Some(should) = row.should_match.filter(|_| row.scored) {
            let shares = if should { &mut summary.must_match } else { &mut summary.must_not_match };
            shares.count(graded.grade.is_correct() == should);
        }
        see(row, &graded)?;
    }
    micros.sort_unstable();
    summary.p99_micros = micros.get((micros.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0);
    summary.max_micros = micros.last().copied().unwrap_or(0);
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbitrage_grader::Profile;

    fn rows(text: &str, bad: BadRows) -> Result<(Vec<Row>, Vec<ProblemsError>), ProblemsError> {
        read_rows(Path::new("set/rows.jsonl"), text.as_bytes(), bad)
    }

    #[test]
    fn rows_are_graded_and_summed_up() {
        let text = "{\"gold\": \"2\", \"pred\": \"4/2\", \"should_match\": true}\n\
            {\"gold\": 2, \"pred\": \"3\", \"should_match\": false, \"id\": \"b\"}\n\
            {\"gold\": \"2\", \"pred\": \"so \\\\boxed{3}\", \"kind\": \"raw\", \"should_match\": true}\n\
            {\"gold\": \"2\", \"pred\": \"3\", \"should_match\": true, \"convention\": \"c\"}\n\
            {\"gold\": \"B\", \"pred\": \"it is B\", \"kind\": \"choice-raw\", \"should_match\": null}";
        let (rows, skipped) = rows(text, BadRows::Fail).unwrap();
        assert!(skipped.is_empty());
        let mut seen = Vec::new();
        let summary = grade_rows(Grader::new(Profile::Strict), &rows, |row, graded| {
            seen.push((row.id.clone(), graded.grade.is_correct()));
            Ok::<_, std::convert::Infallible>(())
        })
        .unwrap();
        assert_eq!(seen.iter().map(|(_, right)| *right).collect::<Vec<_>>(), [true, false, false, false, true]);
        assert_eq!((seen[0].0.as_str(), seen[1].0.as_str()), ("rows-1", "b"));
        assert_eq!((summary.must_match.right, summary.must_match.of), (1, 2));
        assert_eq!((summary.must_not_match.right, summary.must_not_match.of), (1, 1));
        assert!(summary.to_string().starts_with("5 rows; as expected: 66.7% (2 of 3)"), "{summary}");
    }

    #[test]
    fn bad_rows_are_named() {
        for (row, part) in [
            ("{\"gold\": \"1\"}", "`pred`"),
            ("{\"pred\": \"1\"}", "`gold`"),
            ("{\"gold\": \"1\", \"pred\": [1]}", "text in `pred`"),
            ("{\"gold\": \"1\", \"pred\": \"1\", \"kind\": \"other\"}", "`kind`"),
            ("{\"gold\": \"1\", \"pred\": \"1\", \"should_match\": 1}", "`should_match`"),
            ("[]", "JSON object"),
        ] {
            let text = format!("{{\"gold\": \"1\", \"pred\": \"1\"}}\n{row}");
            let error = rows(&text, BadRows::Fail).unwrap_err().to_string();
            assert!(error.contains("rows.jsonl: line 2") && error.contains(part), "{error}");
            let (rows, skipped) = rows(&text, BadRows::Skip).unwrap();
            assert_eq!((rows.len(), skipped.len()), (1, 1));
        }
    }
}
