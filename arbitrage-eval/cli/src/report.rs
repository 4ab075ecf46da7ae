//! `arbitrage report`: the report of an evaluation.

use std::path::Path;

use arbitrage_eval::report::{self, Options, ReportError};

use crate::Failure;
use crate::cli::ReportOptions;

/// Writes the report into the evaluation's folder, and says where it is.
pub fn run(options: &ReportOptions) -> Result<(), Failure> {
    let mut wanted = Options::default();
    if let Some(title) = &options.title {
        wanted = wanted.with_title(title);
    }
    if let Some(problems) = options.problems {
        wanted = wanted.with_problems(problems);
    }
    Ok(write(&options.out, &wanted)?)
}

/// The same at the end of an evaluation, whose records and grades stay as they are where that fails.
pub fn of_finished(evaluation: &Path) -> Result<(), Failure> {
    let written = write(evaluation, &Options::default());
    Ok(written.map_err(|error| format!("the evaluation is done, and its report could not be written: {error}"))?)
}

fn write(evaluation: &Path, options: &Options) -> Result<(), ReportError> {
    let files = report::write(evaluation, options)?;
    println!("report: {}\n        {}", files.html.display(), files.markdown.display());
    Ok(())
}
