//! Training of heads on hidden states.

use arbitrage_core::Hidden;
use arbitrage_models::train::{Fit, Loss, Progress};
use arbitrage_models::{Device, Error, Result};

use super::super::features::states;
use super::super::{HeadCard, RouterError, ValueHead};
use super::lessons::Lesson;
use super::network::{Network, Standard, Table};
use crate::metrics::auc;

/// Hidden states of steps, each with how right the step is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JudgedStates {
    rows: Vec<Vec<f32>>,
    labels: Vec<f32>,
}

impl JudgedStates {
    /// Adds a step. `label` is a probability.
    pub fn push(&mut self, hidden: &Hidden, label: f32) {
        self.rows.push(states(hidden).collect());
        self.labels.push(label);
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Which steps are rather right than wrong.
    fn right(&self) -> Vec<bool> {
        self.labels.iter().map(|label| *label > 0.5).collect()
    }

    /// # Errors
    /// [`Error::Parameter`], naming the first step whose label is no probability or whose states are not `inputs` finite numbers.
    fn check(&self, inputs: usize) -> Result<()> {
        let wrong = |name, at: usize, expected: &str, found: String| {
            Err(Error::Parameter { name, expected: expected.to_owned(), found: format!("{found} in step {at}") })
        };
        for (at, (row, label)) in self.rows.iter().zip(&self.labels).enumerate() {
            if !(0.0..=1.0).contains(label) {
                return wrong("label", at, "a number in 0..=1", label.to_string());
            } else if row.len() != inputs {
                return wrong("hidden states", at, &format!("{inputs} numbers"), row.len().to_string());
            } else if let Some(bad) = row.iter().find(|number| !number.is_finite()) {
                return wrong("hidden states", at, "finite numbers", bad.to_string());
            }
        }
        Ok(())
    }
}

impl ValueHead {
    /// Trains a head on `steps`, whose labels it takes for probabilities, and keeps the weights with the greatest AUC for labels
    /// above one half on `validation`. `width` is that of the one inner layer; 0 leaves it out, which makes a logistic
    /// regression. `card` says whose states they are, `device` where it learns.
    ///
    /// # Errors
    /// [`RouterError::Examples`] unless there are right and wrong steps; [`RouterError::Models`] for labels and states that are none,
    /// and for whatever the loop meets.
    pub fn train(
        (steps, validation): (&JudgedStates, &JudgedStates),
        width: usize,
        fit: &Fit,
        card: HeadCard,
        device: &Device,
        progress: &mut dyn Progress,
    ) -> Result<Self, RouterError> {
        let inputs = card.width.saturating_mul(2);
        steps.check(inputs)?;
        validation.check(inputs)?;
        let right = steps.right();
        if right.iter().all(|one| Some(one) == right.first()) {
            return Err(RouterError::Examples { found: steps.len() });
        }
        let standard = Standard::of(&steps.rows);
        let lesson = |(example, label): (usize, &f32)| Lesson { example, answer: vec![*label], weight: 1.0 };
        let lessons = steps.labels.iter().enumerate().map(lesson).collect();
        let judged = validation.right();
        let score = |network: &Network| {
            let network = network.to_mlp(&standard);
            let logits =
                validation.rows.iter().map(|row| Ok(network.forward(row)?[0])).collect::<Result<Vec<f32>>>()?;
            let wrong = |found: String| Error::Parameter { name: "AUC", expected: "scores".into(), found };
            Ok(auc(&logits, &judged).map_err(|error| wrong(error.to_string()))?.unwrap_or(0.5))
        };
        let table = Table::new(&steps.rows, &standard, lessons, Loss::Sigmoid, score);
        let widths = if width > 0 { vec![inputs, width, 1] } else { vec![inputs, 1] };
        let fitted = fit.run(Network::new(&widths, fit.seed, device), &table, progress)?;
        let training = serde_json::json!({ "width": width, "fit": fit });
        let mut card = HeadCard { seed: fit.seed, training, ..card };
        card.metrics.extend(fitted.best().map(|best| ("validation AUC".to_owned(), best)));
        Self::new(card, fitted.model.to_mlp(&standard))
    }
}
