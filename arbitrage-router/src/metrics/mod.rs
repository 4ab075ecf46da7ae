//! What a router is worth, from its estimates and what it should have known.
//!
//! | | asks | from |
//! |---|---|---|
//! | [`spearman`] | do estimates and advantages rise together? | paper, §4.2: selects the router |
//! | [`confusion`] | which share of each label is routed right at τ? | paper, App. D: Acc0 and Acc1 |
//! | [`auc`] | the same, over all τ | |
//! | [`brier`], [`expected_calibration_error`] | are estimates probabilities? | |
//! | [`captured_advantage`] | which share of the oracle's gain do as many calls bring? | Theorem B.1, normalised |
//! | [`Dispute`] | which of two chooses better, by the labels of few steps? | the same sums, subtracted |
//! | [`FirstErrors`] | does a scorer find the first wrong step? | ProcessBench |
//! | [`Bootstrap`] | how sure is any of it? | problems drawn anew |
//!
//! Estimates are those of `AdvantageRouter`: the greater, the more a step should be escalated; a step is escalated
//! where the estimate is above τ. Where a number does not exist, for lack of examples or of one of the labels, it is
//! `None`, never NaN.
//!
//! The statistics sort once and take weights, one an example: that is how often a resample holds it.
//!
//! ```
//! use arbitrage_router::metrics::{Bootstrap, Budget, CapturedAdvantage, Clusters};
//!
//! let (estimates, advantages) = ([0.9, 0.2, 0.6, 0.1], [0.5, -0.1, 0.0, 0.2]);
//! let captured = CapturedAdvantage::new(&estimates, &advantages)?;
//! assert!(captured.at(Budget::Calls(1.0))?.is_some_and(|share| (share - 1.0).abs() < 1e-6));
//!
//! let problems = Clusters::new(["a", "a", "b", "b"]);
//! let statistic = |weights: &[u32]| captured.weighted(weights, Budget::Calls(1.0));
//! let interval = Bootstrap::new(200, 0.9)?.interval(&problems, statistic);
//! assert!(interval.is_some_and(|interval| interval.low <= interval.value));
//! # Ok::<(), arbitrage_router::metrics::MetricsError>(())
//! ```

mod advantage;
mod auc;
mod bootstrap;
mod calibration_error;
mod classification;
mod clusters;
mod dispute;
pub(crate) mod error;
mod first_error;
mod order;
mod spearman;

pub use advantage::{Budget, CapturedAdvantage, CurvePoint, captured_advantage};
pub use auc::{Auc, auc};
pub use bootstrap::{Bootstrap, Interval, quantile};
pub use calibration_error::{brier, expected_calibration_error};
pub use classification::{Confusion, confusion};
pub use clusters::{Clusters, expand};
pub use dispute::Dispute;
pub use error::MetricsError;
pub use first_error::{FirstErrors, Graded};
pub use spearman::{Spearman, spearman};

pub(crate) use order::Order;
