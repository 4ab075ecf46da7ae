//! Grades files of answer pairs, which measures the grader itself: the core of the command `arbitrage grade`.

use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;

use arbitrage_core::text::excerpt;
use arbitrage_grader::{Grade, Grader, InputKind};

use crate::problems::{BadRows, JsonLine, ProblemsError, read_lines};

/// A right answer and an answer to be graded against it: one row of a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AnswerPair {
    /// The row's `id`, or one made of the file's name and the line.
    pub id: String,
    /// The right answer.
    pub gold: String,
    /// The answer to be graded.
    pub pred: String,
    /// What `pred` is. In files, `equiv` (the default) is a bare answer, `raw` and `extract` are whole responses, and `choice-raw` is a
    /// response that chooses a letter.
    pub kind: InputKind,
    /// Whether the two answers are known to be equal or to differ.
    pub should_match: Option<bool>,
    /// Whether the row counts. Rows with `convention` or `disputed` do not, since graders may differ on them.
    pub scored: bool,
    /// The row's `tag`, or else its `family`.
    pub group: String,
}

/// The grade of an answer pair.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct GradedPair {
    /// The pair's id.
    pub id: String,
    /// The grader's verdict and reasons.
    #[serde(flatten)]
    pub grade: Grade,
    /// Wall time, in microseconds.
    pub micros: u64,
}

/// How many verdicts are as expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Agreement {
    /// Pairs whose verdict is as expected.
    pub right: usize,
    /// All pairs.
    pub of: usize,
}

/// How often the grader agrees with the expected verdicts, and how fast it is.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct AgreementSummary {
    /// Pairs that must be graded as equal.
    pub must_match: Agreement,
    /// Pairs that must be graded as different.
    pub must_not_match: Agreement,
    /// All pairs, scored or not.
    pub rows: usize,
    /// 99th percentile of the wall time, in microseconds.
    pub p99_micros: u64,
    /// Longest wall time, in microseconds.
    pub max_micros: u64,
}

impl Agreement {
    fn count(&mut self, right: bool) {
        self.right += usize::from(right);
        self.of += 1;
    }

    /// The share in percent; 100 without pairs.
    pub fn percent(self) -> f64 {
        if self.of == 0 { 100.0 } else { self.right as f64 / self.of as f64 * 100.0 }
    }
}

impl std::fmt::Display for AgreementSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = Agreement {
            right: self.must_match.right + self.must_not_match.right,
            of: self.must_match.of + self.must_not_match.of,
        };
        let share = |shares: Agreement| format!("{:.1}% ({} of {})", shares.percent(), shares.right, shares.of);
        let parts = (share(all), share(self.must_match), share(self.must_not_match));
        write!(f, "{} rows; as expected: {}; must match {}; must not {}", self.rows, parts.0, parts.1, parts.2)?;
        write!(f, "; p99 {} µs, max {} µs", self.p99_micros, self.max_micros)
    }
}

/// Reads JSON lines with `gold` and `pred`, and optionally `id`, `kind`, `should_match`, `convention`, `disputed`, `tag` and `family`.
///
/// # Errors
/// [`ProblemsError`], naming file, line and field.
pub fn read_pairs(
    path: &Path,
    reader: impl BufRead,
    bad: BadRows,
) -> Result<(Vec<AnswerPair>, Vec<ProblemsError>), ProblemsError> {
    read_lines(path, reader, bad, |line, row| parsed(line, row).map(|row| vec![row]))
}

fn parsed(line: &JsonLine<'_>, row: &serde_json::Map<String, Value>) -> Result<AnswerPair, ProblemsError> {
    let text = |field: &str| line.text(row, field)?.ok_or_else(|| line.wrong(format!("`{field}`"), "none"));
    let kind = match line.text(row, "kind")?.as_deref() {
        None | Some("equiv") => InputKind::Answer,
        Some("raw" | "extract") => InputKind::Response,
        Some("choice-raw") => InputKind::Choice,
        Some(other) => {
            return Err(line.wrong("equiv, raw, extract or choice-raw in `kind`", excerpt(other)));
        }
    };
    let should_match = match row.get("should_match") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(should)) => Some(*should),
        Some(other) => {
            return Err(line.wrong("true, false or null in `should_match`", excerpt(&other.to_string())));
        }
    };
    let is_disputed =
        ["convention", "disputed"].iter().any(|field| row.get(*field).is_some_and(|value| !value.is_null()));
    let group = match line.text(row, "tag")? {
        Some(tag) => tag,
        None => line.text(row, "family")?.unwrap_or_default(),
    };
    let (_, id) = line.names(row)?;
    Ok(AnswerPair { id, gold: text("gold")?, pred: text("pred")?, kind, should_match, scored: !is_disputed, group })
}

/// Grades pairs one by one, passes each grade to `on_grade`, and returns the totals.
///
/// # Errors
/// Those of `on_grade`.
pub fn grade_pairs<E>(
    grader: Grader,
    rows: &[AnswerPair],
    mut on_grade: impl FnMut(&AnswerPair, &GradedPair) -> Result<(), E>,
) -> Result<AgreementSummary, E> {
    let mut summary = AgreementSummary { rows: rows.len(), ..AgreementSummary::default() };
    let mut micros = Vec::with_capacity(rows.len());
    for row in rows {
        let start = Instant::now();
        let grade = grader.grade_response(&row.gold, &row.pred, row.kind);
        let graded = GradedPair { id: row.id.clone(), grade, micros: start.elapsed().as_micros() as u64 };
        micros.push(graded.micros);
        if let Some(should) = row.should_match.filter(|_| row.scored) {
            let shares = if should { &mut summary.must_match } else { &mut summary.must_not_match };
            shares.count(graded.grade.is_correct() == should);
        }
        on_grade(row, &graded)?;
    }
    micros.sort_unstable();
    summary.p99_micros = micros.get((micros.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0);
    summary.max_micros = micros.last().copied().unwrap_or(0);
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use arbitrage_grader::Profile;

    use super::*;

    fn rows(text: &str, bad: BadRows) -> Result<(Vec<AnswerPair>, Vec<ProblemsError>), ProblemsError> {
        read_pairs(Path::new("set/rows.jsonl"), text.as_bytes(), bad)
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
        let summary = grade_pairs(Grader::new(Profile::Strict), &rows, |row, graded| {
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
