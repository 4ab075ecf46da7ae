//! Routing policies by name; training data, metrics, calibration and thresholds for learned routers; and learned
//! routers themselves. Without the feature `learned`, the crate needs no tensor library.
//!
//! | module | contents |
//! |---|---|
//! | [`Policy`] | a router and its threshold as text, such as `logprob:-0.2` on a command line or in a configuration file |
//! | [`Lookahead`] | what a policy does beyond one step: `learned:0.1+handover:1`, `rsd:0.5+drafts:4:score` |
//! | [`labels`] | training data from traces: examples, splits by problem, class balance, classes of the advantage |
//! | `learned` | learned routers (feature `learned`) and their training (feature `train`) |
//! | [`metrics`] | rank correlation, Acc0 and Acc1, AUC, calibration error, captured advantage, bootstrap intervals |
//! | [`calibrate`] | calibration of estimates to probabilities, and τ from a goal such as `accept:0.7` |
//!
//! The routers that need no training are in [`arbitrage_core::router`]. A [`Policy`] names one together with its
//! threshold, can be parsed and printed, and constructs the router, given the step scorer that some policies need.
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

pub use policy::{CustomPolicy, DraftChoiceName, DraftsName, Lookahead, LookaheadPolicy, Policy, PolicyError};

/// Compiles and runs the examples in the README along with the doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct RouterReadmeExamples;
