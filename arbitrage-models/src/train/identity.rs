//! Identifies a training, so that its checkpoint is not resumed by another one.

use arbitrage_core::json::{JsonDifference, differences};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::objective::Objective;
use super::trainer::Trainer;
use crate::error::{Error, Result};

/// The parameters, the data and the initial weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TrainingIdentity {
    #[serde(rename = "fit")]
    trainer: Trainer,
    examples: usize,
    /// Hash of all examples, hexadecimal.
    data: String,
    /// Hash of the initial weights, hexadecimal.
    weights: String,
}

impl TrainingIdentity {
    pub(super) fn of<O: Objective>(trainer: &Trainer, model: &O::Model, objective: &O) -> Self {
        let mut data = Sha256::new();
        for example in 0..objective.len() {
            data.update((objective.length(example) as u64).to_le_bytes());
            objective.hash_into(example, &mut |bytes| data.update(bytes));
        }
        let mut weights = WeightHasher(Sha256::new());
        model.visit(&mut weights);
        let (data, weights) = (short(data), short(weights.0));
        let trainer = Trainer { checkpoint: None, ..trainer.clone() };
        Self { trainer, examples: objective.len(), data, weights }
    }

    /// # Errors
    /// [`Error::Parameter`] with every difference from `found`, the identity in a checkpoint.
    pub(super) fn check(&self, found: &Self) -> Result<()> {
        if self == found {
            return Ok(());
        }
        let found = differences(&json!(self), &json!(found));
        let listed = |value: fn(&JsonDifference) -> &Value| {
            let all: Vec<_> = found.iter().map(|one| format!("{}: {}", one.name(), value(one))).collect();
            all.join(", ")
        };
        let expected = format!("a checkpoint of this training ({})", listed(|one| &one.first));
        Err(Error::Parameter { name: "checkpoint", expected, found: listed(|one| &one.second) })
    }
}

/// Hashes a module's weights, in its order.
struct WeightHasher(Sha256);

impl ModuleVisitor for WeightHasher {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values: Vec<f32> = param.val().into_data_as::<f32>().try_into_vec().unwrap_or_default();
        values.iter().for_each(|value| self.0.update(value.to_le_bytes()));
    }
}

fn short(hash: Sha256) -> String {
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
