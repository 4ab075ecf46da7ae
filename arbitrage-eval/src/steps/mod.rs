//! Solutions with labelled steps, for training and measuring step scorers.
//!
//! | | |
//! |---|---|
//! | [`read_file`] | solutions from JSON lines: PRM800K's, PRMBench's, or plain ones |
//! | [`of_examples`] | both models' steps of every example of a collection, labelled with their scores |
//! | [`quality`] | how well a scorer separates right steps from wrong ones |

mod examples;
mod formats;
mod quality;
mod reader;
mod solution;

pub use examples::{drafts_of_examples, drafts_of_outcomes, of_examples};
pub use quality::{FirstErrorQuality, Quality, quality};
pub use reader::{LabelledSolutions, deduplicate, read, read_file};
pub use solution::{LabelledSolution, LabelledStep};

/// A hash of the solutions, in order, with their steps and labels.
pub fn digest(solutions: &[LabelledSolution]) -> u64 {
    arbitrage_core::text::fnv1a(solutions.iter().flat_map(|solution| format!("{solution:?}").into_bytes()))
}
