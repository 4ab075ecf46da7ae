//! Predicts any policy at any threshold from one collection, without running a model.
//!
//! In a collection, both models wrote every step and both steps were scored: it is a run of the oracle, or of any policy under
//! [`Labelling`](arbitrage_core::router::Labelling). A [`PairedTrace`] has both steps of each position, [`replay`] decides there as another
//! policy would, and [`check`] compares the prediction with a real run.
//!
//! **Exact** are the decisions at the collected steps and, for the policy that was collected, its acceptance, waste and tokens.
//! **Approximate** is everything else, because decisions do not change later steps here: a step that another policy would have committed
//! would have led to other steps, and to another number of them. This is the myopia of Theorem B.1. The error is small where a policy
//! mostly decides as the collected one did, or where steps depend little on who wrote the earlier ones.
//!
//! **A handover** ([`replay_lookahead`]) follows from the decisions before it, so that it is replayed like them. **Several drafts** of a step
//! cannot be replayed: a collection has one draft of each step. A collection made with several drafts is replayed with those that were
//! chosen; what they cost includes the others.
//!
//! **Accuracy** comes from a model: the product of the chosen steps' scores, mapped to a probability by isotonic regression on the
//! collection's graded solutions. If each score is the probability that its step is right given the earlier ones, the product is the
//! probability that all steps are right (Lightman et al. 2023). Unlike the minimum it counts every weak step, and unlike the sum it does
//! not grow with the number of steps. Isotonic regression corrects scores that are not probabilities, assuming only that a greater product
//! is no worse. By construction it gives the collected policy its true accuracy, so that only runs of other policies can test it.

mod accuracy;
mod captured;
mod ceiling;
mod check;
mod decide;
mod error;
mod expected_work;
mod grid;
mod pair;
mod prediction;
mod priced;
#[cfg(test)]
pub(crate) mod testing;
mod trace;

pub use captured::captured;
pub use ceiling::{Ceiling, problem_ceiling, step_ceiling};
pub use check::{FigureDifference, ReplayCheck, check};
pub use error::ReplayError;
pub use grid::grid;
pub use pair::{PairedStep, StepPair};
pub use prediction::{PredictedProblem, Prediction, replay, replay_lookahead};
pub use priced::priced;
pub use trace::{PairedSolution, PairedTrace};
