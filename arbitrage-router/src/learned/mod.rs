//! Learned routers (paper, §4): small models that estimate `P(Δ > 0)`, the probability that the target's step scores
//! higher than the drafted one, or, looking further ahead, what escalating gains in the final answer for its cost.
//!
//! | router | input | cost per step |
//! |---|---|---|
//! | [`Probe`] | log-probabilities and hidden states, which the draft has computed already | a few thousand multiplications |
//! | [`TextRouter`] | the annotated text, as in the paper | a forward pass over the step |
//! | [`Sequential`] | the probe's input, and the path so far: scores, tokens, index | as a probe, twice |
//!
//! Each is a folder of weights and a [`Card`], which records τ, the calibration, and the pair of models it was trained
//! for.
//!
//! [`ValueHead`] is not a router but a step scorer: a small network on the hidden states that a frozen model computes
//! for a step.

mod card;
mod error;
mod features;
mod mlp;
mod output_head;
mod path;
mod probe;
mod sequential;
mod text;
#[cfg(feature = "train")]
mod training;
mod value_head;

use std::path::Path;

use arbitrage_core::AdvantageRouter;
use arbitrage_models::{Classifier, LoadOptions};

pub use card::{CARD_FILE, Card, ModelPair, RouterInput, TrainingData};
pub use error::RouterError;
pub use features::{ProbeFeatures, SCALAR_FEATURES, scalar_features};
pub use mlp::{LinearLayer, Mlp, Standardization};
pub use output_head::OutputHead;
pub use path::{DecisionScores, PATH_FEATURES};
pub use probe::Probe;
pub use sequential::{DecisionCosts, Prospects, Sequential, SequentialNetworks, TokenPrices};
pub use text::{Annotation, TextRouter};
#[cfg(feature = "train")]
pub use training::{
    BaseModel, HeadRecipe, LabelledStates, RouterRecipe, RouterTraining, SequentialRecipe, SequentialTraining,
    TrainingSplit, train_reward_model,
};
pub use value_head::{HEAD_CARD_FILE, HeadCard, HeadScorer, HeadTrainingData, ValueHead};

/// Opens the router whose weights are in `folder`. `card` is the folder's own, or a copy of it with another threshold
/// or calibration.
///
/// # Errors
/// As [`Probe::new`], [`Mlp::open`], [`TextRouter::new`], [`Classifier::open`] and [`Sequential::new`].
pub fn open(
    card: Card,
    folder: impl AsRef<Path>,
    options: &LoadOptions,
) -> Result<Box<dyn AdvantageRouter>, RouterError> {
    Ok(match card.input {
        RouterInput::Probe { .. } => Box::new(Probe::new(card, Mlp::open(folder.as_ref())?)?),
        RouterInput::Sequential { .. } => Box::new(Sequential::new(card, Sequential::open_networks(folder.as_ref())?)?),
        RouterInput::Text { .. } => Box::new(TextRouter::new(card, Classifier::open(folder, options)?)?),
    })
}
