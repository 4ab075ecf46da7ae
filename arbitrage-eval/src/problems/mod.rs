//! Problems from JSON lines, checked row by row.

mod reader;
mod sample;

pub use reader::{BadRows, LONGEST_LINE, ProblemRow, ProblemsError, Rows, read, read_file};
pub use sample::{deduplicate, stratified};

use arbitrage_core::Problem;

/// A hash of names, questions and seeds, in order: whether two lists of problems are one.
pub fn digest(problems: &[Problem]) -> u64 {
    let texts = |problem: &Problem| format!("{:?}", (&problem.id, &problem.question, problem.seed)).into_bytes();
    crate::text::fnv(problems.iter().flat_map(texts))
}
