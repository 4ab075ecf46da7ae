//! `arbitrage grade`: answers against gold answers.

use std::fs::File;
use std::io::{BufReader, Write};

use arbitrage_eval::harness::{AnswerPair, GradedPair, grade_pairs, read_pairs};
use arbitrage_grader::Grader;

use crate::Failure;
use crate::cli::GradeOptions;
use crate::files::in_file;

/// Prints a JSON row for each answer, and to standard error the shares of expected verdicts where rows have them.
pub(crate) fn run(options: &GradeOptions) -> Result<(), Failure> {
    let file = File::open(&options.file).map_err(in_file(&options.file))?;
    let (pairs, skipped) = read_pairs(&options.file, BufReader::new(file), options.bad_rows.into())?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let print = |_: &AnswerPair, graded: &GradedPair| -> Result<(), Failure> {
        Ok(writeln!(out, "{}", serde_json::to_string(graded)?)?)
    };
    let summary = grade_pairs(Grader::new(options.profile), &pairs, print)?;
    out.flush()?;
    skipped.iter().for_each(|error| anstream::eprintln!("skipped: {error}"));
    if pairs.iter().any(|pair| pair.should_match.is_some()) {
        anstream::eprintln!("{summary}");
    }
    Ok(())
}
