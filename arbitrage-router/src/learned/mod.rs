//! Learned routers (paper, §4): what they read, what they answer, and for whom.
//!
//! | router | reads | costs a step |
//! |---|---|---|
//! | [`Probe`] | numbers and hidden states that the draft computed anyway | a few thousand products |
//! | [`TextRouter`] | the annotated text, as the paper's | a forward pass over the step |
//!
//! Each is a folder of weights and a [`Card`], which holds τ, its calibration, and the pair of models that it is for.
//!
//! [`ValueHead`] is no router but a scorer: a small network on the hidden states that a frozen model has of a step.

mod card;
mod error;
mod features;
mod head;
mod mlp;
mod outcome;
mod probe;
mod text;
#[cfg(feature = "train")]
mod training;

use std::path::Path;

use arbitrage_core::AdvantageRouter;
use arbitrage_models::{Classifier, LoadOptions};

pub use card::{CARD, Card, Data, Pair, Reads};
pub use error::RouterError;
pub use features::{Inputs, SCALARS, scalars};
pub use head::{HEAD_CARD, HeadCard, HeadData, HeadScorer, ValueHead};
pub use mlp::{Layer, Mlp};
pub use outcome::Outcome;
pub use probe::Probe;
pub use text::{Annotation, TextRouter};
#[cfg(feature = "train")]
pub use training::{JudgedStates, Recipe, train_reward};

/// Opens the router whose weights are in `folder` under a card: its own, or one with another threshold or calibration.
///
/// # Errors
/// As [`Probe::new`], [`Mlp::open`] and [`TextRouter::new`].
pub fn open(
    card: Card,
    folder: impl AsRef<Path>,
    options: &LoadOptions,
) -> Result<Box<dyn AdvantageRouter>, RouterError> {
    Ok(match card.reads {
        Reads::Probe { .. } => Box::new(Probe::new(card, Mlp::open(folder.as_ref())?)?),
        Reads::Text { .. } => Box::new(TextRouter::new(card, Classifier::open(folder, options)?)?),
    })
}
