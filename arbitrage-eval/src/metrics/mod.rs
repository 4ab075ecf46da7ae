//! What results say: pure functions of [`PolicyResults`](crate::results::PolicyResults). Definitions and sources are in
//! `docs/evaluation.md`.
//!
//! | | asks |
//! |---|---|
//! | [`Accuracy`], [`wilson`] | how many are right, and how sure is that? |
//! | [`compare`], [`McNemar`] | is one policy more accurate than another? |
//! | [`Acceptance`], [`Waste`] | who wrote, and which of the target's calls gained nothing? |
//! | [`Latency`], [`Roles`] | what did it take, and whose time was it? |
//! | [`Curve`], [`area`], [`speed_up`] | what does accuracy cost, over all thresholds? |
//! | [`captured`] | which share of the oracle's gain do a policy's calls bring? |
//! | [`break_even`] | how often may the target be asked before nothing is saved? |
//! | [`Summary`] | the figures of one policy, for a row of a table |
//!
//! Where a figure does not exist it is `None` or an error that says why, never NaN. Problems that [`Errored`] are left out of
//! accuracies and told beside them.
//!
//! [`Errored`]: crate::results::Outcome::Errored

mod acceptance;
mod accuracy;
mod area;
mod break_even;
mod captured;
mod compare;
mod curve;
mod error;
mod frontier;
mod latency;
mod mcnemar;
mod range;
mod roles;
mod speed_up;
mod summary;
#[cfg(test)]
pub(crate) mod testing;
mod waste;

pub use acceptance::Acceptance;
pub use accuracy::{Accuracy, wilson};
pub use area::area;
pub use break_even::{BreakEven, break_even};
pub use captured::captured;
pub use compare::{Comparison, Pairs, compare};
pub use curve::{Curve, Point, Sample};
pub use error::CompareError;
pub(crate) use error::same_ids;
pub use latency::Latency;
pub use mcnemar::McNemar;
pub use range::Range;
pub use roles::{RoleMeans, Roles};
pub use speed_up::{SpeedUp, speed_up};
pub use summary::Summary;
pub use waste::Waste;
