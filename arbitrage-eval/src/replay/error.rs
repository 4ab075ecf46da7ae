//! Errors of replays.

use arbitrage_router::metrics::MetricsError;

/// Why a policy cannot be replayed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// No problem of the trace has both models' texts and scores for all of its steps.
    #[error(
        "expected problems whose steps all have both models' texts and scores, found none among {problems}: collect a trace with \
         `arbitrage collect` or a run of the oracle"
    )]
    Empty {
        /// Problems in the trace.
        problems: usize,
    },
    /// A score outside the range of the collection's scorer.
    #[error("problem `{problem}`, step {step}: score expected in 0..={max_score}, found {found}")]
    Score {
        /// The problem's id.
        problem: String,
        /// Index of the step, from 0.
        step: usize,
        /// The highest score that the scorer gives.
        max_score: f32,
        /// What was found.
        found: f32,
    },
    /// A step lacks the signal that the policy compares with its threshold.
    #[error("problem `{problem}`, step {step}: no {signal} to decide by")]
    Signal {
        /// The problem's id.
        problem: String,
        /// Index of the step, from 0.
        step: usize,
        /// The missing signal.
        signal: &'static str,
    },
    /// A policy that cannot be replayed: its threshold is missing or out of range, or it does not rank steps.
    #[error("policy `{policy}`: expected {expected}")]
    Policy {
        /// The policy.
        policy: String,
        /// What it should have.
        expected: &'static str,
    },
    /// A policy whose decisions do not follow from a collection.
    #[error("policy `{policy}`: {reason}; run the policy instead")]
    NotCollected {
        /// The policy.
        policy: String,
        /// Why it cannot be replayed.
        reason: &'static str,
    },
    /// The collection's grades are of other problems.
    #[error("problem `{problem}` was collected, and its result is missing: grade the collection again")]
    Ungraded {
        /// The problem's id.
        problem: String,
    },
    /// A prediction and a run have no problem in common.
    #[error("expected a run of the collection's problems, found none of them in it")]
    NoSharedProblem,
    /// A metric cannot be computed.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}
