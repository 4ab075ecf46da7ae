//! What a solution's answer is, a family of problems to measure on, and the `arbitrage` command.
//!
//! The library part needs no tensors; the command is behind the feature `local`, which every backend feature (`flex`,
//! `wgpu`, `cuda`) switches on. The server, `serve`, takes engines of any make and needs no tensors either.

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
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "local")]
pub mod shipped;
pub mod steps;
mod text;
pub mod worked;
