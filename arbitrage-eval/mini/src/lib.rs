//! The mini family: word problems that a model of a few million parameters learns in minutes, with everything that is needed to train
//! and to measure on them offline.
//!
//! | item | purpose |
//! |---|---|
//! | [`Generator`] | draws problems by stream and index, from a [`Family`] |
//! | [`Checker`] | scores steps exactly, for routers, oracles and labels |
//! | [`corpus`] | training text for language models, and labelled steps for process reward models |
//! | [`tokenizer`] | a vocabulary in which each word is a token and each number is its digits |
//! | [`shipped`] | the models and routers inside the program |
//!
//! `docs/mini.md` describes the family on one page.
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

#![cfg_attr(doctest, doc = include_str!("../README.md"))]

mod checker;
pub mod corpus;
mod error;
mod family;
mod generator;
mod language;
pub mod shipped;
mod solution_plan;
mod statement;
mod step_kind;
mod stream;
pub mod tokenizer;
#[cfg(feature = "train")]
mod training;

use std::ops::Range;

use arbitrage_core::Problem;

pub use checker::{Checker, is_right, is_solved, plan, step_kind};
pub use error::MiniError;
pub use family::{Family, Move, MoveConfig, NumberRange};
pub use generator::{Generator, MiniProblem};
pub use solution_plan::{Operand, PlanStep, SolutionPlan};
pub use statement::{Operation, Statement};
pub use step_kind::{StepKind, Tier};
pub use stream::Stream;
#[cfg(feature = "train")]
pub use training::{MiniModel, ModelShape, TrainRecipe, TrainScale};

/// The answer of a problem of the family as text. `None` where the question is not one of the family's.
pub fn answer(problem: &Problem) -> Option<String> {
    plan(problem).ok()?.answer().map(|answer| answer.to_string())
}

/// The problems at the indices `range` of a stream of the default [`Family`].
pub fn problems(stream: Stream, range: Range<u64>) -> Vec<Problem> {
    Generator::default().problems(stream, range)
}
