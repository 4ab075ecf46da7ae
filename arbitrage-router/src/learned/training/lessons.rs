//! What examples teach.

use arbitrage_models::Error;
use arbitrage_models::train::{Fit, Loss};
use serde::{Deserialize, Serialize};

use super::super::outcome::Outcome;
use super::super::{Card, Data, Pair, Reads, RouterError};
use crate::calibrate::Calibrator;
use crate::labels::{Balance, Example, LabelError};
use crate::metrics::spearman;

/// What a router is taught, whatever it reads, and the loop that teaches it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recipe {
    /// The classes of the advantage.
    pub outcome: Outcome,
    /// What is done about classes of unequal size.
    pub balance: Balance,
    /// The loop. Its seed is that of the first weights and of the balancing, too.
    pub fit: Fit,
}

impl Recipe {
    /// The paper's: two classes, the larger one down-sampled.
    pub fn new(fit: Fit) -> Self {
        Self { outcome: Outcome::binary(), balance: Balance::DownSample, fit }
    }

    /// Sets the classes.
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Sets what is done about classes of unequal size.
    pub fn with_balance(mut self, balance: Balance) -> Self {
        self.balance = balance;
        self
    }

    /// A card without metrics, with τ at one half.
    pub(super) fn card(&self, reads: Reads, pair: Pair, data: Data) -> Card {
        Card {
            reads,
            outcome: self.outcome.clone(),
            pair,
            data,
            seed: self.fit.seed,
            training: serde_json::to_value(self).unwrap_or_default(),
            metrics: Default::default(),
            calibrator: Calibrator::None,
            goal: None,
            tau: 0.5,
        }
    }

    pub(super) fn loss(&self) -> Loss {
        if self.outcome.ordinal { Loss::Sigmoid } else { Loss::Softmax }
    }

    /// # Errors
    /// [`RouterError::Examples`] unless examples of two classes are left; [`RouterError::Labels`] for a score that is no number.
    pub(super) fn lessons(&self, examples: &[Example]) -> Result<Vec<Lesson>, RouterError> {
        if let Some(at) = examples.iter().position(|example| !example.advantage().is_finite()) {
            let found = examples[at].advantage();
            return Err(LabelError::parameter(format!("advantage of example {at}"), "a finite number", found).into());
        }
        let classes: Vec<usize> = examples.iter().map(|e| self.outcome.classes.class(e.advantage())).collect();
        let balanced = self.balance.apply(&classes, self.outcome.classes.count(), self.fit.seed)?;
        if classes.iter().all(|class| Some(class) == classes.first()) {
            return Err(RouterError::Examples { found: examples.len() });
        }
        let lesson = |example: usize| Lesson {
            example,
            answer: self.outcome.answer(examples[example].advantage()),
            weight: balanced.weights[classes[example]],
        };
        Ok(balanced.kept.iter().map(|&example| lesson(example)).collect())
    }
}

/// One example's answer.
pub(super) struct Lesson {
    /// Its place among the examples.
    pub example: usize,
    /// A probability an output.
    pub answer: Vec<f32>,
    /// Its weight in the loss.
    pub weight: f32,
}

/// Spearman's ρ between the estimates that `card` reads off `outputs` and the advantages; 0 where all are equal. Its errors are
/// those of the loop that asks for it.
pub(super) fn rank_correlation(card: &Card, outputs: &[Vec<f32>], advantages: &[f32]) -> Result<f64, Error> {
    let rho = || {
        let estimates = outputs.iter().map(|outputs| card.estimate(outputs)).collect::<Result<Vec<_>, _>>()?;
        Ok::<_, RouterError>(spearman(&estimates, advantages)?.unwrap_or(0.0))
    };
    rho().map_err(|error| Error::Parameter { name: "ρ", expected: "estimates".into(), found: error.to_string() })
}
