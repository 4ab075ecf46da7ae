//! Training of value heads on hidden states.

use arbitrage_core::Hidden;
use arbitrage_models::train::{Loss, TrainProgress, Trainer};
use arbitrage_models::{Device, Error, Result};
use serde::Serialize;

use super::super::features::concatenated;
use super::super::mlp::Standardization;
use super::super::{HeadCard, RouterError, ValueHead};
use super::TrainingSplit;
use super::network::{Network, TabularObjective, layer_widths};
use super::targets::{TrainingTarget, area_under_curve};

/// Hidden states of steps, each with a label: the probability that the step is correct.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelledStates {
    rows: Vec<Vec<f32>>,
    labels: Vec<f32>,
}

impl LabelledStates {
    /// Adds a step, with a label in [0, 1]. Steps are validated when training starts.
    pub fn push(&mut self, hidden: &Hidden, label: f32) {
        self.rows.push(concatenated(hidden).collect());
        self.labels.push(label);
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Binary labels: whether each step is more likely correct than not.
    fn binary_labels(&self) -> Vec<bool> {
        self.labels.iter().map(|label| *label > 0.5).collect()
    }

    /// # Errors
    /// [`Error::Parameter`], naming the first step whose label is not in [0, 1] or whose states are not `inputs` finite
    /// numbers.
    fn check(&self, inputs: usize) -> Result<()> {
        for (index, (row, label)) in self.rows.iter().zip(&self.labels).enumerate() {
            let invalid = |name, expected: &str, found: String| {
                Err(Error::Parameter { name, expected: expected.to_owned(), found: format!("{found} in step {index}") })
            };
            if !(0.0..=1.0).contains(label) {
                return invalid("label", "a number in 0..=1", label.to_string());
            } else if row.len() != inputs {
                return invalid("hidden states", &format!("{inputs} numbers"), row.len().to_string());
            } else if let Some(number) = row.iter().find(|number| !number.is_finite()) {
                return invalid("hidden states", "finite numbers", number.to_string());
            }
        }
        Ok(())
    }
}

/// How a value head is trained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeadRecipe {
    /// Width of the one hidden layer; 0 leaves it out, which makes the head a logistic regression.
    #[serde(rename = "width")]
    pub hidden_width: usize,
    /// The training loop. Its seed also determines the initial weights.
    pub fit: Trainer,
}

impl ValueHead {
    /// Trains a head on `device`, and keeps the weights with the greatest AUC on the validation steps, for labels
    /// "above one half", which is recorded in the card as `validation AUC`. The training targets are the labels, as
    /// probabilities. `card` describes the model whose states they are, as [`HeadCard::new`] does.
    ///
    /// # Errors
    /// [`RouterError::Examples`] unless there are labels above one half and others; [`RouterError::Models`] for invalid
    /// labels and states, and for failures of the training loop.
    pub fn train(
        steps: &TrainingSplit<'_, LabelledStates>,
        recipe: &HeadRecipe,
        card: HeadCard,
        device: &Device,
        progress: &mut dyn TrainProgress,
    ) -> Result<Self, RouterError> {
        let TrainingSplit { training, validation } = steps;
        let (inputs, fit) = (card.width.saturating_mul(2), &recipe.fit);
        training.check(inputs)?;
        validation.check(inputs)?;
        let labels = training.binary_labels();
        if labels.iter().all(|label| Some(label) == labels.first()) {
            return Err(RouterError::Examples { found: training.len() });
        }
        let target =
            |(example, label): (usize, &f32)| TrainingTarget { example, probabilities: vec![*label], weight: 1.0 };
        let targets = training.labels.iter().enumerate().map(target).collect();
        let standardization = Standardization::fit(&training.rows);
        let validation_labels = validation.binary_labels();
        let score = |network: &Network| {
            let mlp = network.to_mlp(&standardization);
            let logits = validation.rows.iter().map(|row| Ok(mlp.forward(row)?[0])).collect::<Result<Vec<f32>>>()?;
            area_under_curve(&logits, &validation_labels)
        };
        let rows = training.rows.iter().map(|row| standardization.apply(row)).collect();
        let objective = TabularObjective::new(rows, targets, Loss::Sigmoid, score);
        let widths = layer_widths(inputs, recipe.hidden_width, 1);
        let fitted = fit.run(Network::new(&widths, fit.seed, device), &objective, progress)?;
        let training = serde_json::to_value(recipe).unwrap_or_default();
        let mut card = HeadCard { seed: fit.seed, training, ..card };
        card.metrics.extend(fitted.best().map(|best| ("validation AUC".to_owned(), best)));
        Self::new(card, fitted.model.to_mlp(&standardization))
    }
}
