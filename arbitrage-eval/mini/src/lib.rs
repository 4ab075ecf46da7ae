//! The mini family: word problems that a model of a few million parameters learns in minutes, with everything that is needed
//! to train and measure on them offline.
//!
//! | part | what it gives |
//! |---|---|
//! | [`Generator`] | problems by stream and index, from a [`Family`] |
//! | [`Checker`] | the exact score of a step, for routers, oracles and labels |
//! | [`corpus`] | rows for language models, labelled steps for process reward models |
//! | [`tokenizer`] | a vocabulary in which a word is a token and a number is its digits |
//!
//! The family in one page: `docs/mini.md`.
//!
//! ```
//! use arbitrage_mini::{self as mini, Stream};
//!
//! let problems = mini::problems(Stream::Test, 0..3);
//! assert_eq!(problems[2].id, "mini-test-000002");
//! let plan = mini::plan(&problems[2])?;
//! assert!(mini::is_solved(&problems[2], &plan.solution())?);
//! # Ok::<(), mini::MiniError>(())
//! ```

mod checker;
pub mod corpus;
mod error;
mod family;
mod generator;
mod kind;
mod language;
mod plan;
pub mod shipped;
mod statement;
mod stream;
pub mod tokenizer;
#[cfg(feature = "train")]
mod writer;

use std::ops::Range;

use arbitrage_core::Problem;

pub use checker::{Checker, is_right, is_solved, kind_of, plan};
pub use error::MiniError;
pub use family::{Dial, Family, Move, Span};
pub use generator::{Generator, MiniProblem};
pub use kind::{Kind, Tier};
pub use plan::{Operand, Plan, PlanStep};
pub use statement::{Operation, Statement};
pub use stream::Stream;
#[cfg(feature = "train")]
pub use writer::{Recipe, Writer};

/// The answer of a problem of the family, as text; `None` where the question is not one of the family's.
pub fn answer(problem: &Problem) -> Option<String> {
    plan(problem).ok()?.answer().map(|answer| answer.to_string())
}

/// The problems at the indices `range` of a stream of the default [`Family`].
pub fn problems(stream: Stream, range: Range<u64>) -> Vec<Problem> {
    Generator::default().problems(stream, range)
}
