//! Metrics: pure functions of [`PolicyResults`](crate::results::PolicyResults). Definitions and sources are in
//! `docs/evaluation.md`.
//!
//! | | answers |
//! |---|---|
//! | [`Accuracy`], [`wilson`] | how many answers are right, with which confidence? |
//! | [`compare`], [`McNemar`] | is one policy more accurate than another? |
//! | [`AcceptanceRates`], [`Waste`] | which model wrote, and how many of the target's calls gained nothing? |
//! | [`Latency`], [`Roles`] | how long did it take, and which role took the time? |
//! | [`Curve`], [`area`], [`speed_up`] | what does accuracy cost, over a policy's thresholds? |
//! | [`break_even`] | up to which escalation rate is time saved? |
//! | [`PolicySummary`] | all figures of one policy |
//!
//! A figure that does not exist is `None`, or an error that says why, never NaN. Problems that [`Errored`] are excluded from accuracies
//! and counted separately.
//!
//! [`Errored`]: crate::results::Outcome::Errored

mod acceptance;
mod accuracy;
mod area;
mod break_even;
mod compare;
mod curve;
mod error;
mod frontier;
mod latency;
mod mcnemar;
mod roles;
mod speed_up;
mod summary;
#[cfg(test)]
pub(crate) mod testing;
mod waste;

pub use acceptance::AcceptanceRates;
pub use accuracy::{Accuracy, wilson};
pub use area::{AreaEnds, area};
pub use break_even::{BreakEven, break_even};
pub use compare::{PairedOutcomes, PolicyComparison, compare};
pub use curve::{Curve, Point};
pub use error::CompareError;
pub use latency::Latency;
pub use mcnemar::McNemar;
pub use roles::{RoleMeans, Roles};
pub use speed_up::{SpeedUp, speed_up};
pub use summary::PolicySummary;
pub use waste::Waste;
pub(crate) use waste::WasteCounts;
