//! From an evaluation's folder to the report in it.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::page::Page;
use super::render::{html_of, markdown_of};
use super::{Evaluation, Options, ReportError};
use crate::replace::replace;

/// The files of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Files {
    /// The page.
    pub html: PathBuf,
    /// Its tables as Markdown.
    pub markdown: PathBuf,
}

/// Reads an evaluation's folder and writes `report.html` and `report.md` into it. Each replaces what was there in one move.
///
/// # Errors
/// [`ReportError`], naming the file. Nothing of the evaluation is changed, whatever happens.
pub fn write(folder: &Path, options: &Options) -> Result<Files, ReportError> {
    let evaluation = Evaluation::read(folder)?;
    let page = Page::new(&evaluation, options);
    let (html, markdown) = (html_of(&page, &evaluation, options)?, markdown_of(&page)?);
    let put = |name: &str, text: String| {
        let path = folder.join(name);
        match replace(&path, |file| file.write_all(text.as_bytes())) {
            Ok(()) => Ok(path),
            Err(source) => Err(ReportError::Io { path, source }),
        }
    };
    Ok(Files { html: put("report.html", html)?, markdown: put("report.md", markdown)? })
}
