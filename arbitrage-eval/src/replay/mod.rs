//! Any policy at any threshold, from one collection, without a model.
//!
//! A collection has both models write every step and both steps scored: a run of the oracle, or of any policy under
//! [`Labelling`](arbitrage_core::router::Labelling). A [`Dump`] keeps what is known of each place, [`replay`] decides there as another
//! policy would, and [`check`] holds what it predicts against a real run.
//!
//! **Exact** is what a policy decides at each collected place, and with it, for the policy that was collected, its acceptance, waste and
//! tokens. **Approximate** is everything else, since decisions do not change later steps here: a step that another policy would have
//! committed would have led elsewhere, to other steps and another number of them. That is the myopia of Theorem B.1. It is small where a
//! policy mostly decides as the collected one did, or where steps depend little on who wrote those before.
//!
//! **Accuracy** is that of a model: the product of the chosen steps' scores, made a probability by isotonic regression on the
//! collection's own graded solutions. The product is the probability that all steps are right where each score is that of its step
//! given those before (Lightman et al. 2023); it lets each weak step count, which the least of the scores does not, and falls with no
//! more steps than were taken, which the sum does not. Regression amends what scores are not; it only believes that a greater product
//! is no worse, and it gives the collected policy its true accuracy by construction, so that only other policies' runs
//! can check it.

mod accuracy;
mod check;
mod decide;
mod dump;
mod error;
mod expect;
mod grid;
mod place;
mod prediction;
#[cfg(test)]
pub(crate) mod testing;

pub use check::{Check, Difference, check};
pub use dump::{Collected, Dump};
pub use error::ReplayError;
pub use grid::grid;
pub use place::{Place, Written};
pub use prediction::{Predicted, Prediction, replay, replay_curve};

pub(crate) use decide::inclination;
