//! Calibrated estimates, and the threshold τ that meets a goal.
//!
//! A router that was trained on balanced classes outputs 0.5 for even odds under balanced classes. That is not a
//! probability where, say, 4 in 10 steps gain from the target, and it does not say which steps to escalate where only 1
//! in 10 may be. So a [`Calibrator`] maps estimates to probabilities, and a [`Goal`] determines a [`Threshold`]. Both
//! are fitted on a validation set, for one pair of models.
//!
//! ```
//! use arbitrage_router::calibrate::{Calibrator, Goal, Platt, PlattInput, ValidationSet};
//!
//! let (estimates, labels) = ([0.2, 0.3, 0.4, 0.6, 0.7, 0.9], [false, false, true, false, true, true]);
//! let calibrator = Calibrator::Platt(Platt::fit(&estimates, &labels, PlattInput::Logit)?);
//! let calibrated = estimates.map(|estimate| calibrator.apply(estimate));
//!
//! let goal: Goal = "accept:0.5".parse()?;
//! let threshold = goal.threshold(&ValidationSet::new(&calibrated, 2)?)?;
//! assert_eq!(calibrated.iter().filter(|estimate| **estimate <= threshold.tau).count(), 3);
//! # Ok::<(), arbitrage_router::calibrate::CalibrateError>(())
//! ```
//!
//! The goal [`Loss`](Goal::Loss) limits the share of the problems that the target alone solves and the pair does not. A
//! [`LossTest`] decides by counted problems whether a threshold keeps it, a [`FixedSequence`] of such tests finds the
//! cheapest threshold of which that is shown, and a [`Promise`] is what is then said of it.

mod binomial;
mod calibrator;
mod error;
mod goal;
mod isotonic;
mod loss_test;
mod platt;
mod promise;
mod step_seconds;
mod threshold;

pub use binomial::{binomial_tail, upper_bound};
pub use calibrator::Calibrator;
pub use error::CalibrateError;
pub use goal::Goal;
pub use isotonic::Isotonic;
pub use loss_test::{FixedSequence, LossCounts, LossTest, LossVerdict, TestedThreshold};
pub use platt::{Platt, PlattInput};
pub use promise::{CalibrationProblems, Promise, PromiseConditions};
pub use step_seconds::StepSeconds;
pub use threshold::{Threshold, ValidationSet};

#[cfg(test)]
pub(crate) use promise::tests as promise_tests;
