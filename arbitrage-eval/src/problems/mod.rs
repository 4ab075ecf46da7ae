//! Reads problems from JSON lines, checking each row.

mod format;
mod lines;
mod reader;
mod sample;

pub use format::{Format, FormatError};
pub use lines::{BadRows, MAX_LINE_BYTES, ProblemsError};
pub(crate) use lines::{JsonLine, read_lines};
pub use reader::{ProblemRow, ProblemRows, read, read_as, read_file, read_file_as};
pub(crate) use sample::normalised;
pub use sample::{deduplicate, stratified, stratified_by};

use arbitrage_core::Problem;

/// A hash of ids, questions and seeds, in order, by which two lists of problems can be compared.
pub fn digest(problems: &[Problem]) -> u64 {
    let texts = |problem: &Problem| format!("{:?}", (&problem.id, &problem.question, problem.seed)).into_bytes();
    arbitrage_core::text::fnv1a(problems.iter().flat_map(texts))
}
