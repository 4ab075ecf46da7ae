//! `arbitrage grade`: answers against gold answers.

use std::fs::File;
use std::io::{BufReader, Write};

use arbitrage_eval::harness::{GradedRow, Row, grade_rows, read_rows};
use arbitrage_eval::problems::BadRows;
use arbitrage_grader::Grader;

use crate::Failure;
use crate::cli::GradeOptions;

/// Writes a JSON row an answer, and the shares to standard error where rows say what is expected.
pub fn run(options: &GradeOptions) -> Result<(), Failure> {
    let file = File::open(&options.file).map_err(|error| format!("{}: {error}", options.file.display()))?;
    let bad = if options.skip_bad_rows { BadRows::Skip } else { BadRows::Fail };
    let (rows, skipped) = read_rows(&options.file, BufReader::new(file), bad)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let summary =
        grade_rows(Grader::new(options.profile), &rows, |_: &Row, graded: &GradedRow| -> Result<(), Failure> {
            Ok(writeln!(out, "{}", serde_json::to_string(graded)?)?)
        })?;
    out.flush()?;
    skipped.iter().for_each(|error| anstream::eprintln!("left out: {error}"));
    if rows.iter().any(|row| row.should_match.is_some()) {
        anstream::eprintln!("{summary}");
    }
    Ok(())
}
