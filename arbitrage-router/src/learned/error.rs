//! Errors of learned routers.

use std::path::PathBuf;

use arbitrage_core::{ConfigError, ScoreError};

use super::DecisionCosts;
use crate::labels::LabelError;

/// Why a learned router or a value head could not be trained or loaded, or could not decide.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RouterError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A card is not valid.
    #[error("{}: {reason}", path.display())]
    Card {
        /// The file.
        path: PathBuf,
        /// What is invalid, with line and field.
        reason: String,
    },
    /// The card is that of another kind of router.
    #[error("router: expected the card of a {expected} router, found that of a {found} router")]
    Kind {
        /// The kind that was expected.
        expected: &'static str,
        /// The card's kind.
        found: &'static str,
    },
    /// The head of a network has another number of outputs than the card requires.
    #[error("router: expected a head of {expected} outputs, found {found}")]
    Outputs {
        /// The number of outputs that the card requires.
        expected: usize,
        /// The number of outputs of the network.
        found: usize,
    },
    /// The router was trained for other models.
    #[error("router: trained with the {role} {expected}, used with {found}: train or calibrate one for this pair")]
    PairMismatch {
        /// `draft` or `target`.
        role: &'static str,
        /// The model that it was trained with.
        expected: String,
        /// The model that it was given.
        found: String,
    },
    /// A head was trained on the hidden states of another model, or of the same model under another prompt.
    #[error("head: trained on {what} {expected}, used on {found}: train one for this model")]
    ReaderMismatch {
        /// What differs: the model, the system message, the suffix, or the width of the hidden states.
        what: &'static str,
        /// What the head was trained on.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// The drafter does not report a signal that the router needs.
    #[error(transparent)]
    Signal(#[from] ScoreError),
    /// The training examples are all of one class, or there are none.
    #[error("router: expected examples of at least two classes, found {found} of one class")]
    Examples {
        /// Number of examples.
        found: usize,
    },
    /// All decisions of the runs to train on were the same, so that nothing shows what the other one leads to.
    #[error(
        "router: expected decisions that accept and others that escalate, found {accepted} and {escalated}; run with --explore"
    )]
    Decisions {
        /// Number of drafted steps that were accepted.
        accepted: usize,
        /// Number of drafted steps that were escalated.
        escalated: usize,
    },
    /// Prices of tokens are negative or not finite, or a target's step costs nothing.
    #[error(
        "router: expected prices that are finite and at least 0, and a target's step that costs something, found {found:?}"
    )]
    Costs {
        /// What was given.
        found: DecisionCosts,
    },
    /// A metric could not be computed.
    #[error(transparent)]
    Metrics(#[from] crate::metrics::MetricsError),
    /// Outputs of a head or labels are not valid.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// A threshold is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An error of weights, tokenizer, training or arithmetic.
    #[error(transparent)]
    Models(#[from] arbitrage_models::Error),
}
