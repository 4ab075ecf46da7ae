//! From estimates to decisions: what an estimate means, and where to draw the line.
//!
//! A router trained on balanced classes says 0.5 where the odds are those of a balanced world; that means nothing where
//! 4 in 10 steps gain from the target, and less to somebody who can pay for 1 in 10. So a [`Calibrator`] makes
//! estimates probabilities again, and a [`Goal`] becomes a [`Threshold`], both on a validation set, for one pair of
//! models.
//!
//! ```
//! use arbitrage_router::calibrate::{Calibrator, Goal, Platt, Input, Validation};
//!
//! let (estimates, labels) = ([0.2, 0.3, 0.4, 0.6, 0.7, 0.9], [false, false, true, false, true, true]);
//! let calibrator = Calibrator::Platt(Platt::fit(&estimates, &labels, Input::Logit)?);
//! let calibrated = estimates.map(|estimate| calibrator.apply(estimate));
//!
//! let goal: Goal = "accept:0.5".parse()?;
//! let threshold = goal.threshold(&Validation::new(&calibrated, 2)?)?;
//! assert_eq!(calibrated.iter().filter(|estimate| **estimate <= threshold.tau).count(), 3);
//! # Ok::<(), arbitrage_router::calibrate::CalibrateError>(())
//! ```

mod calibrator;
mod error;
mod goal;
mod isotonic;
mod platt;
mod seconds;
mod threshold;

pub use calibrator::Calibrator;
pub use error::CalibrateError;
pub use goal::Goal;
pub use isotonic::Isotonic;
pub use platt::{Input, Platt};
pub use seconds::StepSeconds;
pub use threshold::{Threshold, Validation};
