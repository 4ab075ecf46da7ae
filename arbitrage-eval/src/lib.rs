//! Evaluates step-level speculative reasoning: problems and their answers, a harness that can be interrupted at any time, results, metrics
//! with confidence intervals, replay of other policies without decoding, a cost model, and the report.
//!
//! | module | what it does |
//! |---|---|
//! | [`problems`] | reads files of problems |
//! | [`gold`] | decides whether a solution is right |
//! | [`harness`] | solves many problems into trace files that can be resumed, and grades them |
//! | [`results`] | turns a trace and its grades into results per problem |
//! | [`metrics`] | computes figures with intervals, and compares policies |
//! | [`cost`] | predicts times on other hardware |
//! | [`replay`] | predicts other policies and thresholds from one trace |
//! | [`loss`] | chooses thresholds by how many of the target's solutions they lose |
//! | [`report`] | writes the report of an evaluation |
//! | [`steps`] | reads labelled steps, and measures step scorers with them |
//! | [`reference_solution`] | scores steps by the reference solution of a problem |
//!
//! The library needs no tensors and works with any implementation of the engine's traits.

pub mod cost;
pub mod gold;
pub mod harness;
pub mod loss;
pub mod metrics;
pub mod problems;
pub mod reference_solution;
pub mod replay;
pub mod report;
pub mod results;
pub mod steps;
