//! The results of an evaluation: one [`PolicyResults`] per benchmark and policy, a pure function of its trace and its [`Grades`].
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use arbitrage_core::{Engine, Problem, router::AlwaysDraft, testing::Scripted, trace::Trace};
//! use arbitrage_eval::results::{GradeRow, Grades, Outcome, PolicyResults, problem_results};
//!
//! let records = Arc::new(Mutex::new(Vec::new()));
//! Engine::new(Scripted::new("draft", ["42"]), Scripted::new("target", []), AlwaysDraft)
//!     .with_sink(records.clone())
//!     .solve(&Problem::new("What is 6 times 7?").with_id("1"))?;
//!
//! let trace = Trace::from_records(std::mem::take(&mut *records.lock().unwrap()))?;
//! let found = problem_results(&trace, &Grades::new([GradeRow::new("1", Outcome::Right)]), 0)?;
//! let results = PolicyResults::new("tables", "draft", None, found.problems)?;
//! assert_eq!(results.problems()[0].usage.acceptance_by_steps(), Some(1.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod grade_rows;
mod outcome;
mod policy_results;
mod problem;

pub use error::ResultsError;
pub use grade_rows::{GradeRow, Grades};
pub use outcome::Outcome;
pub use policy_results::PolicyResults;
pub use problem::{ProblemResult, TraceResults, problem_results};
