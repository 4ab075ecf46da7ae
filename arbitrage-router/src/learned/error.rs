//! What can go wrong with a learned router.

use std::path::PathBuf;

use arbitrage_core::{ConfigError, ScoreError};

use crate::labels::LabelError;

/// Why a router could not be loaded, or could not decide.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RouterError {
    /// The operating system refused to read or write a file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's own error.
        #[source]
        source: std::io::Error,
    },
    /// A card does not say what it has to say.
    #[error("{}: {reason}", path.display())]
    Card {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and field.
        reason: String,
    },
    /// A card of another kind of router.
    #[error("router: expected a {expected} router, found a {found} router")]
    Kind {
        /// The kind asked for.
        expected: &'static str,
        /// The card's.
        found: &'static str,
    },
    /// A head of another width than the card's classes.
    #[error("router: a head of {expected} outputs expected, found {found}")]
    Outputs {
        /// Outputs of the card's classes.
        expected: usize,
        /// The head's.
        found: usize,
    },
    /// The router was trained for other models.
    #[error("router: trained with the {role} {expected}, used with {found}: train or calibrate one for this pair")]
    OtherPair {
        /// `draft` or `target`.
        role: &'static str,
        /// The model that it was trained with.
        expected: String,
        /// The model that it was given.
        found: String,
    },
    /// A head was trained on another model's states, or on those that it has when it is told something else.
    #[error("head: trained on {what} {expected}, used on {found}: train one for this model")]
    OtherReader {
        /// What differs: the hidden states' model, system message, suffix or width.
        what: &'static str,
        /// What the head was trained on.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// The drafter reports too little.
    #[error(transparent)]
    Signal(#[from] ScoreError),
    /// Too little to learn from.
    #[error("router: examples of at least two classes expected, found {found} of one")]
    Examples {
        /// How many there are.
        found: usize,
    },
    /// Estimates that cannot be measured.
    #[error(transparent)]
    Metrics(#[from] crate::metrics::MetricsError),
    /// Outputs or labels that make no sense.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// A threshold out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Weights, tokenizers, arithmetic.
    #[error(transparent)]
    Models(#[from] arbitrage_models::Error),
}
