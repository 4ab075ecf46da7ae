//! Checks that a part of your own keeps the contract of its trait.
//!
//! Each check calls the part as the engine does, in different batches and orders, and returns the first [`Violation`]. The
//! crate's own parts pass the same checks.
//!
//! | check | of a |
//! |---|---|
//! | [`check_drafter`] | [`Drafter`](crate::Drafter) |
//! | [`check_verifier`] | [`Verifier`](crate::Verifier) |
//! | [`check_segmenter`] | [`StepSegmenter`](crate::StepSegmenter) |
//! | [`check_scorer`] | [`StepScorer`](crate::StepScorer) |
//! | [`check_router`] | [`AdvantageRouter`](crate::AdvantageRouter) |
//!
//! ```
//! use arbitrage_core::testing::conformance::{StepSample, check_router};
//! use arbitrage_core::{AdvantageRouter, BoxError, Candidate, Decision, Route};
//!
//! struct EveryOther(usize);
//! impl AdvantageRouter for EveryOther {
//!     fn route(&mut self, _candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
//!         self.0 += 1;
//!         Ok(Route::escalate_if(self.0 % 2 == 0).into())
//!     }
//! }
//!
//! // What it decides depends on how often it was called, so that a resumed run would differ from an uninterrupted one.
//! let violation = check_router(&mut EveryOther(0), &StepSample::generated()).unwrap_err();
//! assert_eq!(violation.requirement, "the same step gets the same decision, in every batch and order");
//! ```

mod model;
mod router;
mod sample;
mod scorer;
mod segmenter;

pub use model::{DecodingCases, check_drafter, check_verifier};
pub use router::check_router;
pub use sample::StepSample;
pub use scorer::check_scorer;
pub use segmenter::check_segmenter;

/// A contract that a part does not keep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected that {requirement}; found: {found}")]
#[non_exhaustive]
pub struct Violation {
    /// What the contract requires.
    pub requirement: &'static str,
    /// What the part did.
    pub found: String,
}

/// [`Violation`] unless the requirement is met.
fn require(is_met: bool, requirement: &'static str, found: impl FnOnce() -> String) -> Result<(), Violation> {
    if is_met { Ok(()) } else { Err(Violation { requirement, found: found() }) }
}

/// The answers to `expected` requests, each of which has to succeed.
fn answers<T>(
    found: Vec<Result<T, crate::BoxError>>,
    expected: usize,
    requirement: &'static str,
) -> Result<Vec<T>, Violation> {
    require_count(found.len(), expected, requirement)?;
    found.into_iter().map(|answer| answer.map_err(failed)).collect()
}

fn require_count(found: usize, expected: usize, requirement: &'static str) -> Result<(), Violation> {
    require(found == expected, requirement, || format!("{found} answers to {expected} requests"))
}

fn failed(error: crate::BoxError) -> Violation {
    Violation { requirement: "every valid request succeeds", found: format!("the error `{error}`") }
}

/// Whether two numbers are the same, up to the rounding of another batch size.
fn is_close(one: f32, other: f32) -> bool {
    const TOLERANCE: f32 = 1e-3;
    one == other || (one - other).abs() <= TOLERANCE * one.abs().max(other.abs()).max(1.0)
}

/// A name that is printed in traces: not empty, and the same at every call.
fn check_name(name: impl Fn() -> String) -> Result<(), Violation> {
    let names = [name(), name()];
    require(!names[0].is_empty() && names[0] == names[1], "the name is not empty and does not change", || {
        format!("`{}`, then `{}`", names[0], names[1])
    })
}
