//! What an evaluation found: one [`PolicyResults`] a benchmark and policy, a pure function of its trace and its [`Grades`].
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use arbitrage_core::{Engine, Problem, router::AlwaysDraft, testing::Scripted};
//! use arbitrage_eval::results::{Grade, Grades, Outcome, PolicyResults, problem_results};
//!
//! let trace = Arc::new(Mutex::new(Vec::new()));
//! Engine::new(Scripted::new("draft", ["42"]), Scripted::new("target", []), AlwaysDraft)
//!     .with_sink(trace.clone())
//!     .solve(&Problem::new("What is 6 times 7?").with_id("1"))?;
//!
//! let records = trace.lock().unwrap();
//! let found = problem_results(&records, &Grades::new([Grade::new("1", Outcome::Right)]), 0)?;
//! let results = PolicyResults::new("tables", "draft", None, found.problems)?;
//! assert_eq!(results.problems()[0].usage.acceptance_by_steps(), Some(1.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod grades;
mod outcome;
mod problem;
mod results;

pub use error::EvaluationError;
pub use grades::{Grade, Grades};
pub use outcome::Outcome;
pub use problem::{Found, ProblemResult, problem_results};
pub use results::PolicyResults;
