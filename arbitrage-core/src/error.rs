//! What can go wrong in a run.

use serde::{Deserialize, Serialize};

use crate::Evidence;

/// Any error of a user's drafter, verifier, router, scorer or sink.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The part of the engine that an error came from.
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

/// Why a problem has no solution. Other problems of the run are not touched by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The configuration was refused before anything was written.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A part failed.
    #[error("{role} `{name}` failed at step {step}: {source}")]
    Part {
        /// Which part.
        role: Role,
        /// Its name.
        name: String,
        /// Index of the step, from 0.
        step: usize,
        /// Its own error.
        #[source]
        source: BoxError,
    },
    /// A part answered with more or fewer items than it was asked for.
    #[error("{role} `{name}` gave {found} answers to {expected} requests")]
    Count {
        /// Which part.
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

/// A policy or limit that makes no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A threshold outside of its policy's range, or not a number.
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
    /// A segmenter or policy parameter that makes no sense.
    #[error("{what}: expected {expected}, found {found}")]
    Parameter {
        /// The part and its parameter.
        what: String,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: String,
    },
}

/// A score or estimate that is not a usable number.
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
    /// Fewer or more scores than steps.
    #[error("{expected} scores expected, {found} found")]
    Count {
        /// Steps that were sent.
        expected: usize,
        /// Scores that came back.
        found: usize,
    },
    /// Scoring would take more completions than it may write.
    #[error("{asked} completions asked for, {left} left of a budget of {budget}")]
    Budget {
        /// Completions that may be written in all.
        budget: usize,
        /// Those that have not been begun.
        left: usize,
        /// Those that the steps of one call would take.
        asked: usize,
    },
    /// The drafted step lacks the signal that the policy decides by.
    #[error("the drafted step has no {signal}: the drafter does not report it")]
    Signal {
        /// The missing signal.
        signal: &'static str,
    },
    /// The policy needs the target's step, which was not given.
    #[error("the policy asked for {asked:?} and got no target step")]
    Evidence {
        /// What it had asked for.
        asked: Evidence,
    },
}
