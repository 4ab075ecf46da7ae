//! What a solution's answer is, a family of problems to measure on, and the `arbitrage` command.
//!
//! The library part needs no tensors; the command is behind the feature `local`, which every backend feature (`flex`,
//! `wgpu`, `cuda`) switches on.

pub mod cost;
pub mod evaluation;
pub mod gold;
pub mod grader;
pub mod harness;
pub mod metrics;
pub mod mini;
pub mod problems;
mod replace;
pub mod replay;
pub mod report;
#[cfg(feature = "local")]
pub mod shipped;
pub mod steps;
mod text;
pub mod worked;
