//! How good a router's estimates are, measured against the advantages and labels of scored steps.
//!
//! | metric | question | source |
//! |---|---|---|
//! | [`spearman`] | Do estimates and advantages rise together? | paper, §4.2: the criterion for choosing weights |
//! | [`confusion`] | Which share of each label is routed correctly at τ? | paper, App. D: Acc0 and Acc1 |
//! | [`auc`] | How well do estimates separate the labels, over all τ? | |
//! | [`brier`], [`expected_calibration_error`] | Are estimates calibrated probabilities? | |
//! | [`captured_advantage`] | Which share of the oracle's gain is reached with the same number of target calls? | Theorem B.1, normalised |
//! | [`PolicyDisagreement`] | Which of two policies chooses better, given labels of few steps? | difference of two sums of Theorem B.1 |
//! | [`FirstErrorAccuracy`] | Does a scorer find the first wrong step? | ProcessBench |
//! | [`Bootstrap`] | How uncertain is any of these numbers? | bootstrap over problems |
//!
//! Estimates are those of `AdvantageRouter`: the greater the estimate, the more a step should be escalated, and a step
//! is escalated where its estimate is above the threshold τ. A metric that is undefined, for lack of examples or of one
//! of the labels, is `None`, never NaN.
//!
//! Each metric sorts its examples once and then takes weights, one per example: the number of times that a bootstrap
//! resample contains the example.
//!
//! ```
//! use arbitrage_router::metrics::{Bootstrap, CallBudget, CapturedAdvantage, Clusters};
//!
//! let (estimates, advantages) = ([0.9, 0.2, 0.6, 0.1], [0.5, -0.1, 0.0, 0.2]);
//! let captured = CapturedAdvantage::new(&estimates, &advantages)?;
//! assert!(captured.at(CallBudget::Calls(1.0))?.is_some_and(|share| (share - 1.0).abs() < 1e-6));
//!
//! let problems = Clusters::new(["a", "a", "b", "b"]);
//! let statistic = |weights: &[u32]| captured.weighted(weights, CallBudget::Calls(1.0));
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
mod disagreement;
pub(crate) mod error;
mod first_error;
mod interval;
mod sorted_groups;
mod spearman;

pub use advantage::{CallBudget, CapturedAdvantage, CurvePoint, captured_advantage};
pub use auc::{Auc, auc};
pub use bootstrap::{Bootstrap, quantile, weighted_mean};
pub use calibration_error::{brier, expected_calibration_error};
pub use classification::{Confusion, confusion};
pub use clusters::{Clusters, expand};
pub use disagreement::PolicyDisagreement;
pub use error::MetricsError;
pub use first_error::{FirstErrorAccuracy, ScoredSolution};
pub use interval::Interval;
pub use spearman::{Spearman, spearman};

pub(crate) use sorted_groups::SortedGroups;
