//! Training targets of labelled steps, and the metrics by which weights are chosen.

use arbitrage_models::Error;
use arbitrage_models::train::{Loss, Trainer};
use serde::{Deserialize, Serialize};

use super::super::output_head::OutputHead;
use super::super::{Card, RouterError, RouterInput};
use super::RouterTraining;
use crate::calibrate::Calibrator;
use crate::labels::{Balance, Example, LabelError};
use crate::metrics::{auc, spearman};

/// How a router is trained, whatever its input is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RouterRecipe {
    /// The classes of the advantage, and their encoding.
    #[serde(rename = "outcome")]
    pub output_head: OutputHead,
    /// How classes of unequal size are balanced.
    pub balance: Balance,
    /// The training loop. Its seed also determines the initial weights and the balancing.
    pub fit: Trainer,
}

impl RouterRecipe {
    /// The paper's recipe: two classes, the larger of which is down-sampled.
    pub fn new(fit: Trainer) -> Self {
        Self { output_head: OutputHead::binary(), balance: Balance::DownSample, fit }
    }

    /// Sets the classes and their encoding.
    pub fn with_output_head(mut self, output_head: OutputHead) -> Self {
        self.output_head = output_head;
        self
    }

    /// Sets how classes of unequal size are balanced.
    pub fn with_balance(mut self, balance: Balance) -> Self {
        self.balance = balance;
        self
    }

    pub(super) fn loss(&self) -> Loss {
        if self.output_head.ordinal { Loss::Sigmoid } else { Loss::Softmax }
    }

    /// One target for each example that balancing keeps.
    ///
    /// # Errors
    /// [`RouterError::Labels`] for an advantage that is not finite; [`RouterError::Examples`] unless there are examples
    /// of two classes.
    pub(super) fn targets(&self, examples: &[Example]) -> Result<Vec<TrainingTarget>, RouterError> {
        if let Some(index) = examples.iter().position(|example| !example.advantage().is_finite()) {
            let (what, found) = (format!("advantage of example {index}"), examples[index].advantage());
            return Err(LabelError::parameter(what, "a finite number", found).into());
        }
        let classes: Vec<usize> = examples.iter().map(|e| self.output_head.classes.class(e.advantage())).collect();
        let balanced = self.balance.apply(&classes, self.output_head.classes.count(), self.fit.seed)?;
        if classes.iter().all(|class| Some(class) == classes.first()) {
            return Err(RouterError::Examples { found: examples.len() });
        }
        let target = |example: usize| TrainingTarget {
            example,
            probabilities: self.output_head.targets(examples[example].advantage()),
            weight: balanced.weights[classes[example]],
        };
        Ok(balanced.kept.iter().map(|&example| target(example)).collect())
    }
}

impl RouterTraining<'_> {
    /// The card of the router to be trained: without metrics, and with τ = 0.5.
    pub(super) fn card(&self, input: RouterInput) -> Card {
        Card {
            input,
            output_head: self.recipe.output_head.clone(),
            pair: self.pair.clone(),
            data: self.data.clone(),
            seed: self.recipe.fit.seed,
            training: serde_json::to_value(self.recipe).unwrap_or_default(),
            metrics: Default::default(),
            calibrator: Calibrator::None,
            goal: None,
            shown: None,
            tau: 0.5,
        }
    }

    /// Advantages of the validation examples.
    pub(super) fn validation_advantages(&self) -> Vec<f32> {
        self.examples.validation.iter().map(Example::advantage).collect()
    }
}

/// The outputs that a network should have for an example.
pub(super) struct TrainingTarget {
    /// Index of the example.
    pub(super) example: usize,
    /// One probability per output.
    pub(super) probabilities: Vec<f32>,
    /// Weight of the example in the loss.
    pub(super) weight: f32,
}

/// Spearman's ρ between the estimates of `card` for these outputs and the advantages; 0 where one of them is constant.
/// Errors are those of the training loop, which calls this.
pub(super) fn rank_correlation(card: &Card, outputs: &[Vec<f32>], advantages: &[f32]) -> Result<f64, Error> {
    let rho = || {
        let estimates = outputs.iter().map(|outputs| card.estimate(outputs)).collect::<Result<Vec<_>, _>>()?;
        Ok::<_, RouterError>(spearman(&estimates, advantages)?.unwrap_or(0.0))
    };
    rho().map_err(|error| Error::Parameter { name: "ρ", expected: "estimates".into(), found: error.to_string() })
}

/// AUC of scores for binary labels; 0.5 where all labels are equal. Errors are those of the training loop, which calls
/// this.
pub(super) fn area_under_curve(scores: &[f32], labels: &[bool]) -> Result<f64, Error> {
    let area = auc(scores, labels).map_err(|error| error.to_string());
    let area = area.map_err(|found| Error::Parameter { name: "AUC", expected: "scores".into(), found })?;
    Ok(area.unwrap_or(0.5))
}
