//! Writes the report of an evaluation's folder.

use std::path::{Path, PathBuf};

use arbitrage_core::fs::write_atomic;

use super::page::Page;
use super::render::{html_of, markdown_of};
use super::{EvaluationRuns, ReportError, ReportSettings};

/// The files of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportFiles {
    /// The HTML page.
    pub html: PathBuf,
    /// The tables as Markdown.
    pub markdown: PathBuf,
}

/// Reads an evaluation's folder and writes `report.html` and `report.md` into it, replacing each atomically.
///
/// # Errors
/// [`ReportError`], naming the file. Traces and grades are never changed.
pub fn write(folder: &Path, settings: &ReportSettings) -> Result<ReportFiles, ReportError> {
    let evaluation = EvaluationRuns::read(folder)?;
    let page = Page::new(&evaluation, settings);
    let (html, markdown) = (html_of(&page, &evaluation, settings)?, markdown_of(&page)?);
    let put = |name: &str, text: String| {
        let path = folder.join(name);
        match write_atomic(&path, |file| file.write_all(text.as_bytes())) {
            Ok(()) => Ok(path),
            Err(source) => Err(ReportError::Io { path, source }),
        }
    };
    Ok(ReportFiles { html: put("report.html", html)?, markdown: put("report.md", markdown)? })
}
