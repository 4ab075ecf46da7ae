//! Training data as a pure function of traces (paper, §4.2 and App. C and D).
//!
//! Collecting is no mode of the engine: it is a run of the [`Oracle`](arbitrage_core::router::Oracle), which has both
//! models write every step and both steps scored, with a trace. What follows from the trace is here, one idea a file:
//!
//! | | |
//! |---|---|
//! | [`examples`] | steps of a trace, each with the history that both models saw |
//! | [`Split`], [`Folds`] | which problems to learn from, to choose by and to measure on |
//! | [`rescored`] | the same steps under another scorer's labels |
//! | [`outside_margin`], [`Balance`] | which examples to learn from, and how much each counts |
//! | [`Classes`], [`ordinal_targets`], [`class_probabilities`] | what is predicted, and how it becomes one number |
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use arbitrage_core::{Engine, Problem, router::Oracle, testing::{Scripted, TableScorer}};
//! use arbitrage_router::labels::examples;
//!
//! let draft = Scripted::new("draft", ["6 times 7 is 43.\n\n", "The answer is 42."]);
//! let target = Scripted::new("target", ["6 times 7 is 42.\n\n", "It is 42."]);
//! let scorer = TableScorer::new([("6 times 7 is 43.\n\n", 0.1)]).with_default(0.9);
//! let trace = Arc::new(Mutex::new(Vec::new()));
//! Engine::new(draft, target, Oracle::new(scorer, 0.0)?)
//!     .with_sink(trace.clone())
//!     .solve(&Problem::new("What is 6 times 7?").with_id("1"))?;
//!
//! let records = std::mem::take(&mut *trace.lock().unwrap());
//! let examples = examples(records)?.examples;
//! assert_eq!(examples.iter().map(|example| example.label()).collect::<Vec<_>>(), [true, false]);
//! assert_eq!(examples[1].history[0].step.text, "6 times 7 is 42.\n\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod balance;
mod classes;
mod error;
mod example;
mod margin;
mod ordinal;
mod rescored;
mod skipped;
mod split;
mod trace;

pub use balance::{Balance, Balanced};
pub use classes::Classes;
pub use error::LabelError;
pub(crate) use error::named;
pub use example::Example;
pub use margin::outside_margin;
pub use ordinal::{class_probabilities, ordinal_targets};
pub use rescored::{Rescored, rescored};
pub use skipped::Skipped;
pub use split::{Folds, Part, Parts, Split};
pub use trace::{Examples, Trajectory, examples, trajectories};
