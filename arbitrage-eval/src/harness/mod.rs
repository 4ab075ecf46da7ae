//! Many problems, solved into files of records: what an evaluation is made of.
//!
//! | item | what it is |
//! |---|---|
//! | [`Records`] | a file of records that a run which was cut off goes on with |
//! | [`solve_into`] | an engine of any make over what is open of a file's problems |
//! | [`canonical`] | a finished run's records in the problems' order, whatever the order in which they were written |
//! | [`grade`] | verdicts on a run's solutions, a pure function of its records |
//! | [`write_lm_eval`] | results and samples as lm-evaluation-harness writes them |
//! | [`Shard`] | a part of the problems, for one of many processes |
//!
//! Every sample's random numbers follow from the problem's seed, so neither order, nor batch, nor shards, nor kills change a text.

mod canonical;
mod error;
mod graded_rows;
mod grades;
mod lines;
mod lm_eval;
mod records;
mod shard;
mod solve;

pub use canonical::{canonical, write_canonical};
pub use error::HarnessError;
pub use graded_rows::{GradedRow, Row, Shares, Summary, grade_rows, read_rows};
pub use grades::{Graded, grade, write_grades};
pub use lm_eval::{Sample, write_lm_eval};
pub use records::Records;
pub use shard::Shard;
pub use solve::solve_into;
