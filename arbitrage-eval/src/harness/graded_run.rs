//! A complete run and the files that hold it.

use std::path::PathBuf;

use arbitrage_core::Problem;
use arbitrage_core::trace::Trace;

use super::lines::replace_lines;
use super::{HarnessError, grade, write_canonical};
use crate::gold::Gold;
use crate::results::GradeRow;

/// A complete run with the grades of its solutions.
#[derive(Debug)]
#[non_exhaustive]
pub struct GradedRun {
    /// The path of the trace. The grades are next to it, in a file with the extension `grades.jsonl`.
    pub path: PathBuf,
    /// The trace, in the order of the problems.
    pub trace: Trace,
    /// The grades of the trace's solutions, in their order.
    pub grades: Vec<GradeRow>,
}

impl GradedRun {
    /// Writes the [`canonical`](super::canonical()) records of a whole run to `path`, and grades them.
    ///
    /// # Errors
    /// As for [`write_canonical`].
    pub fn write(trace: Trace, problems: &[Problem], gold: &Gold, path: PathBuf) -> Result<Self, HarnessError> {
        write_canonical(trace, problems, &path)?;
        Self::grade(Trace::read(&path)?, gold, path)
    }

    /// Grades the run whose trace is at `path`, and writes the grades next to it, replacing earlier ones atomically.
    ///
    /// # Errors
    /// [`HarnessError::Io`].
    pub fn grade(trace: Trace, gold: &Gold, path: PathBuf) -> Result<Self, HarnessError> {
        let grades = grade(&trace, gold);
        replace_lines(&path.with_extension("grades.jsonl"), &grades)?;
        Ok(Self { path, trace, grades })
    }
}
