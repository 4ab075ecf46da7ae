//! Routing policies: by name, and what a learned one is trained on, measured by and tuned with. No tensors.
//!
//! | module | holds |
//! |---|---|
//! | [`Policy`] | what a command line, a configuration file or a report calls `logprob:-0.2` |
//! | [`labels`] | training data from traces: examples, splits by problem, balance, classes, a router's input |
//! | `learned` | routers that were trained, and their training (features `learned`, `train`) |
//! | [`metrics`] | rank correlation, Acc0 and Acc1, AUC, calibration, captured advantage, bootstrap intervals |
//! | [`calibrate`] | estimates as probabilities, and τ from a goal such as `accept:0.7` |
//!
//! The routers themselves live in [`arbitrage_core::router`]; a [`Policy`] names one with its threshold, survives a
//! round trip through text, and makes the router when it is given the scorer that some policies need.
//!
//! ```
//! use arbitrage_core::AdvantageRouter;
//! use arbitrage_router::Policy;
//!
//! let policy: Policy = "random:0.3".parse()?;
//! assert_eq!(policy.to_string(), "random:0.3");
//! let router = policy.router(None)?;
//! assert!(router.name().contains("0.3"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod calibrate;
pub mod labels;
#[cfg(feature = "learned")]
pub mod learned;
pub mod metrics;
mod policy;
mod random;

pub use policy::{CustomPolicy, Policy, PolicyError};

/// The README's code is compiled and run with the doc examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
