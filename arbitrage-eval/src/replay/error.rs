//! Why there is no replay.

use arbitrage_router::labels::LabelError;
use arbitrage_router::metrics::MetricsError;

/// Why a policy cannot be replayed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The trace contradicts itself.
    #[error(transparent)]
    Trace(#[from] LabelError),
    /// No problem of the trace has both steps and both scores at each of its places.
    #[error("expected problems with both steps and both scores at each place, found none among {problems}")]
    Empty {
        /// Problems in the trace.
        problems: usize,
    },
    /// A score that the collection's scorer cannot have given.
    #[error("problem `{problem}`, step {step}: score expected in 0..={greatest}, found {found}")]
    Score {
        /// The problem's id.
        problem: String,
        /// Index of the step, from 0.
        step: usize,
        /// The greatest score that there is.
        greatest: f32,
        /// What was found.
        found: f32,
    },
    /// A place lacks what the policy decides by.
    #[error("problem `{problem}`, step {step}: no {signal} to decide by")]
    Signal {
        /// The problem's id.
        problem: String,
        /// Index of the step, from 0.
        step: usize,
        /// What is missing.
        signal: &'static str,
    },
    /// A policy that a replay cannot follow: its threshold is missing or out of range, or it prefers no step to another.
    #[error("policy `{policy}`: expected {expected}")]
    Policy {
        /// The policy.
        policy: String,
        /// What it should have.
        expected: &'static str,
    },
    /// The collection's grades are of other problems.
    #[error("problem `{problem}` was collected, and its result is missing")]
    Ungraded {
        /// The problem's id.
        problem: String,
    },
    /// A prediction and a run that share no problem.
    #[error("the replay and the run share no problem")]
    Apart,
    /// Numbers that cannot be measured with.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}
