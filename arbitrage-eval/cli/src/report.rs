//! `arbitrage report`: the report of an evaluation.

use std::path::Path;

use arbitrage_eval::report::{self, ReportError, ReportSettings};

use crate::Failure;
use crate::cli::ReportOptions;

/// Writes the report into the folder of the evaluation, and prints its paths.
pub(crate) fn run(options: &ReportOptions) -> Result<(), Failure> {
    let mut settings = ReportSettings::default();
    if let Some(title) = &options.title {
        settings = settings.with_title(title);
    }
    if let Some(problems) = options.problems {
        settings = settings.with_problems(problems);
    }
    Ok(write(&options.out, &settings)?)
}

/// Writes the report at the end of an evaluation. If that fails, traces and grades are complete all the same.
pub(crate) fn of_finished(evaluation: &Path) -> Result<(), Failure> {
    let written = write(evaluation, &ReportSettings::default());
    Ok(written.map_err(|error| format!("the evaluation is complete, but its report could not be written: {error}"))?)
}

/// Writes the report of an evaluation's folder, and prints its paths.
pub(crate) fn write(evaluation: &Path, settings: &ReportSettings) -> Result<(), ReportError> {
    let files = report::write(evaluation, settings)?;
    println!("report: {}\n        {}", files.html.display(), files.markdown.display());
    Ok(())
}
