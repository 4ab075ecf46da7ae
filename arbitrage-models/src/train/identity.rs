//! Identifies a training, so that its checkpoint is not resumed by another one.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::Value;
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
        let (mut expected, mut others) = (Vec::new(), Vec::new());
        if let (Ok(one), Ok(other)) = (serde_json::to_value(self), serde_json::to_value(found)) {
            differences("", &one, &other, &mut expected, &mut others);
        }
        if self == found {
            return Ok(());
        }
        let expected = format!("a checkpoint of this training ({})", expected.join(", "));
        Err(Error::Parameter { name: "checkpoint", expected, found: others.join(", ") })
    }
}

/// Adds every value that differs, with its name.
fn differences(name: &str, one: &Value, other: &Value, expected: &mut Vec<String>, others: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in one {
                differences(key, value, other.get(key).unwrap_or(&Value::Null), expected, others);
            }
        }
        _ if one == other => {}
        _ => {
            expected.push(format!("{name}: {one}"));
            others.push(format!("{name}: {other}"));
        }
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
