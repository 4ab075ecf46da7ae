//! Measures step-level speculative reasoning: problems and their answers, a harness that can be interrupted at any time, results,
//! metrics with intervals, replay without decoding, a cost model, and the report.
//!
//! The library needs no tensors and takes engines of any make.

pub mod cost;
pub mod gold;
pub mod harness;
pub mod metrics;
pub mod problems;
mod replace;
pub mod replay;
pub mod report;
pub mod results;
pub mod steps;
pub mod worked;
