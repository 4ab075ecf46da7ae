//! Problems from JSON lines, checked row by row.

mod format;
mod lines;
mod reader;
mod sample;

pub use format::{Format, FormatError};
pub use lines::{BadRows, LONGEST_LINE, ProblemsError};
pub(crate) use lines::{Line, read_lines};
pub use reader::{ProblemRow, Rows, read, read_as, read_file, read_file_as};
pub(crate) use sample::normalised;
pub use sample::{deduplicate, stratified, stratified_by};

use arbitrage_core::Problem;

/// A hash of names, questions and seeds, in order: whether two lists of problems are one.
pub fn digest(problems: &[Problem]) -> u64 {
    let texts = |problem: &Problem| format!("{:?}", (&problem.id, &problem.question, problem.seed)).into_bytes();
    arbitrage_core::text::fnv1a(problems.iter().flat_map(texts))
}
