//! Training data as a pure function of traces (paper, §4.2 and App. C and D).
//!
//! Training data is collected by a run of the [`Oracle`](arbitrage_core::router::Oracle) with a trace: both models write
//! every step, and both steps are scored. This module turns the trace into labelled examples:
//!
//! | | |
//! |---|---|
//! | [`examples`] | steps of a trace, each with the history that both models saw |
//! | [`Split`], [`Folds`] | which problems are for training, validation and test |
//! | [`rescored`] | the same steps under another scorer's labels |
//! | [`Balance`] | which examples to train on, and with which weights |
//! | [`outcomes`] | what the decisions of any run led to: right or wrong, and the work after each |
//! | [`Classes`], [`ordinal_targets`], [`class_probabilities`] | what a router predicts, and how that becomes one estimate |
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use arbitrage_core::{Engine, Problem, router::Oracle, testing::{Scripted, TableScorer}, trace::Trace};
//! use arbitrage_router::labels::examples;
//!
//! let draft = Scripted::new("draft", ["6 times 7 is 43.\n\n", "The answer is 42."]);
//! let target = Scripted::new("target", ["6 times 7 is 42.\n\n", "It is 42."]);
//! let scorer = TableScorer::new([("6 times 7 is 43.\n\n", 0.1)]).with_default(0.9);
//! let trace = Arc::new(Mutex::new(Trace::default()));
//! Engine::new(draft, target, Oracle::new(scorer, 0.0)?)
//!     .with_sink(trace.clone())
//!     .solve(&Problem::new("What is 6 times 7?").with_id("1"))?;
//!
//! let examples = examples(&trace.lock().unwrap())?.examples;
//! assert_eq!(examples.iter().map(|example| example.label()).collect::<Vec<_>>(), [true, false]);
//! assert_eq!(examples[1].history[0].step.text, "6 times 7 is 42.\n\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod balance;
mod classes;
mod error;
mod example;
mod examples;
mod ordinal;
mod outcome;
mod rescored;
mod skipped;
mod split;

pub use balance::{Balance, Balanced};
pub use classes::Classes;
pub use error::LabelError;
pub(crate) use error::named;
pub use example::Example;
pub use examples::{Examples, examples};
pub use ordinal::{class_probabilities, ordinal_targets};
pub use outcome::{SolutionOutcome, TokenWork, outcomes};
pub use rescored::{Rescored, rescored};
pub use skipped::Skipped;
pub use split::{Folds, Split, Subset, Subsets};
