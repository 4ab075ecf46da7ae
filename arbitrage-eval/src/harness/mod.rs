//! Solves many problems into trace files that can be resumed, and grades them.
//!
//! | item | what it is |
//! |---|---|
//! | [`BenchmarkHarness`] | one call from an engine to graded results |
//! | [`Records`] | a trace file that an interrupted run resumes |
//! | [`solve_into`] | runs any engine over the unfinished problems of a file |
//! | [`canonical`] | a finished run's records in the problems' order, whatever the order in which they were written |
//! | [`GradedRun`] | a complete run: its trace and its grades, which it writes |
//! | [`grade`] | verdicts on a run's solutions, a pure function of its trace |
//! | [`grade_pairs`] | verdicts on a file of pairs of answers, for measuring the grader itself |
//! | [`write_lm_eval`] | results and samples as lm-evaluation-harness writes them |
//! | [`Shard`] | the part of the problems that one of several processes solves |
//!
//! All random numbers derive from the problem's seed, so that neither order, batching, sharding nor interruptions change a text.

mod answer_pairs;
mod benchmark_run;
mod canonical;
mod error;
mod graded_run;
mod grades;
mod lines;
mod lm_eval;
mod records;
mod shard;
mod solve;

pub use answer_pairs::{Agreement, AgreementSummary, AnswerPair, GradedPair, grade_pairs, read_pairs};
pub use benchmark_run::{BenchmarkHarness, OpenRun, file_name, trace_path};
pub use canonical::{canonical, write_canonical};
pub use error::HarnessError;
pub use graded_run::GradedRun;
pub use grades::grade;
pub use lm_eval::{LmEvalSample, write_lm_eval};
pub use records::Records;
pub use shard::Shard;
pub use solve::solve_into;
