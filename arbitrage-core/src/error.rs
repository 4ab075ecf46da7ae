//! The errors of a run.

use serde::{Deserialize, Serialize};

use crate::Evidence;

/// Any error of a user's drafter, verifier, router, scorer or sink.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The component of the engine that an error came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// The [`Drafter`](crate::Drafter).
    Drafter,
    /// The [`AdvantageRouter`](crate::AdvantageRouter).
    Router,
    /// The [`Verifier`](crate::Verifier).
    Verifier,
    /// The [`StepScorer`](crate::StepScorer).
    Scorer,
    /// The [`TraceSink`](crate::trace::TraceSink).
    Sink,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Drafter => "drafter",
            Self::Router => "router",
            Self::Verifier => "verifier",
            Self::Scorer => "scorer",
            Self::Sink => "trace sink",
        })
    }
}

/// Why a problem has no solution. Other problems of the run are not affected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The configuration is invalid. Nothing was written.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A component failed, or broke its contract ([`StepError`]).
    #[error("{role} `{name}` failed at step {step}: {source}")]
    Component {
        /// Which component.
        role: Role,
        /// Its name.
        name: String,
        /// Index of the step, from 0.
        step: usize,
        /// Its error.
        #[source]
        source: BoxError,
    },
    /// A component returned more or fewer answers than there were requests.
    #[error("{role} `{name}` gave {found} answers to {expected} requests")]
    Count {
        /// Which component.
        role: Role,
        /// Its name.
        name: String,
        /// Requests made.
        expected: usize,
        /// Answers received.
        found: usize,
    },
    /// The question holds nothing but white space.
    #[error("problem `{id}`: the question is empty")]
    EmptyQuestion {
        /// The problem's name.
        id: String,
    },
}

/// An invalid policy, limit or parameter.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A threshold outside of its policy's range, or NaN.
    #[error("{policy}: threshold expected in {low}..={high}, found {found}")]
    Threshold {
        /// The policy.
        policy: String,
        /// Least allowed value.
        low: f32,
        /// Greatest allowed value.
        high: f32,
        /// The value given.
        found: f32,
    },
    /// A limit under which nothing could be written.
    #[error("limit `{name}`: expected at least {least}, found {found}")]
    Limit {
        /// The limit's field.
        name: &'static str,
        /// Least allowed value.
        least: usize,
        /// The value given.
        found: usize,
    },
    /// An invalid parameter of a segmenter or a policy.
    #[error("{what}: expected {expected}, found {found}")]
    Parameter {
        /// The segmenter or policy, and its parameter.
        what: String,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: String,
    },
}

/// A score that is missing or invalid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// Not finite, or out of the scorer's range.
    #[error("score expected in {low}..={high}, found {found}")]
    Range {
        /// Least allowed score.
        low: f32,
        /// Greatest allowed score.
        high: f32,
        /// The score given.
        found: f32,
    },
    /// More or fewer scores than steps.
    #[error("{expected} scores expected, {found} found")]
    Count {
        /// Steps that were sent.
        expected: usize,
        /// Scores that came back.
        found: usize,
    },
    /// Scoring needs more completions than the budget has left.
    #[error("scoring needs {requested} completions, but only {left} of a budget of {budget} are left")]
    Budget {
        /// Completions allowed in total.
        budget: usize,
        /// Completions that are left.
        left: usize,
        /// Completions that the steps of this call need.
        requested: usize,
    },
    /// The drafted step lacks the number that the policy decides by.
    #[error("the drafted step has no {signal}: the drafter does not report it")]
    Signal {
        /// The missing signal.
        signal: &'static str,
    },
    /// The policy needs the target's step, which was not given.
    #[error("the policy needs {required:?} as evidence, but there is no target step")]
    Evidence {
        /// What it needs.
        required: Evidence,
    },
}

/// A step that breaks the contract of [`Drafter`](crate::Drafter) and [`Verifier`](crate::Verifier). The engine reports it as the
/// source of [`EngineError::Component`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// One of the step's numbers is NaN or infinite. Such numbers cannot be stored in a trace.
    #[error("log-probability, entropy or time of the step is not finite: found {found}")]
    NotFinite {
        /// The number.
        found: f32,
    },
    /// The text goes on after the step boundary that the segmenter finds in it.
    #[error(
        "the step should end at its boundary, byte {boundary} of its text, but is {length} bytes long; \
         end it at the first token edge at or past the boundary"
    )]
    PastBoundary {
        /// Byte offset of the boundary.
        boundary: usize,
        /// Length of the text in bytes.
        length: usize,
    },
}
