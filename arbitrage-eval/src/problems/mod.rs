//! Problems from JSON lines, checked row by row.

mod reader;
mod sample;

pub use reader::{BadRows, LONGEST_LINE, ProblemRow, ProblemsError, Rows, read, read_file};
pub use sample::{deduplicate, stratified};
