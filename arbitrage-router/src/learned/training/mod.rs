//! Training of learned routers, with burn's autodiff.

mod network;
mod outcome_objective;
mod probe;
mod reward;
mod sequential;
mod targets;
mod text;
mod value_head;

use std::path::Path;

use arbitrage_models::train::Transformer;

pub use reward::train_reward_model;
pub use sequential::{SequentialRecipe, SequentialTraining};
pub use targets::RouterRecipe;
pub use value_head::{HeadRecipe, LabelledStates};

use super::{ModelPair, TrainingData};
use crate::labels::Example;

/// The examples to train on, and those by which the best weights are chosen.
#[derive(Debug)]
pub struct TrainingSplit<'a, T: ?Sized> {
    /// The examples to train on.
    pub training: &'a T,
    /// Held-out examples. Their metric selects the weights that are kept.
    pub validation: &'a T,
}

/// What every router is trained from, whatever its input is.
#[derive(Debug)]
pub struct RouterTraining<'a> {
    /// The labelled steps.
    pub examples: TrainingSplit<'a, [Example]>,
    /// Targets, class balance and optimiser.
    pub recipe: &'a RouterRecipe,
    /// The models that wrote the steps, for the card.
    pub pair: ModelPair,
    /// Description of the labelled steps, for the card.
    pub data: TrainingData,
}

/// The decoder that a text model is trained from.
#[derive(Debug)]
pub struct BaseModel<'a> {
    /// Its weights, on the device to train on.
    pub decoder: Transformer,
    /// The folder of its tokenizer, whose files are copied to the trained model.
    pub tokenizer: &'a Path,
}
