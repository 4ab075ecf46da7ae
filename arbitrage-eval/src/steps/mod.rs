//! Solutions whose steps were judged: what scorers are trained on and measured by.
//!
//! | | |
//! |---|---|
//! | [`read_file`] | solutions from JSON lines: PRM800K's, PRMBench's, or plain ones |
//! | [`of_examples`] | both steps of every example of a collection, with their scores |
//! | [`quality`] | how well a scorer tells right steps from wrong ones |

mod quality;
mod reader;
mod row;
mod solution;
mod traces;

pub use quality::{FirstErrorQuality, Quality, quality};
pub use reader::{SolutionRows, deduplicate, read, read_file};
pub use solution::{JudgedSolution, JudgedStep};
pub use traces::{drafts_of_examples, of_examples};

/// A hash of everything that is known of the solutions, in order.
pub fn digest(solutions: &[JudgedSolution]) -> u64 {
    arbitrage_core::text::fnv1a(solutions.iter().flat_map(|solution| format!("{solution:?}").into_bytes()))
}
