//! What a training is known by, so that a checkpoint is taken up by no other.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::fit::{Fit, Objective};
use crate::error::{Error, Result};

/// The loop, the data and the first weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Identity {
    fit: Fit,
    examples: usize,
    /// Of the content of all examples, hexadecimal.
    data: String,
    /// Of the first weights, hexadecimal.
    weights: String,
}

impl Identity {
    pub fn of<O: Objective>(fit: &Fit, model: &O::Model, objective: &O) -> Self {
        let mut data = Sha256::new();
        for example in 0..objective.len() {
            data.update((objective.length(example) as u64).to_le_bytes());
            objective.content(example, &mut |bytes| data.update(bytes));
        }
        let mut weights = Hashed(Sha256::new());
        model.visit(&mut weights);
        let (data, weights) = (short(data), short(weights.0));
        Self { fit: Fit { checkpoint: None, ..fit.clone() }, examples: objective.len(), data, weights }
    }

    /// # Errors
    /// [`Error::Parameter`] with every difference from `found`, that of a checkpoint.
    pub fn check(&self, found: &Self) -> Result<()> {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        if let (Ok(one), Ok(other)) = (serde_json::to_value(self), serde_json::to_value(found)) {
            differences("", &one, &other, &mut own, &mut others);
        }
        if self == found {
            return Ok(());
        }
        let expected = format!("one of this training ({})", own.join(", "));
        Err(Error::Parameter { name: "checkpoint", expected, found: others.join(", ") })
    }
}

/// Every value that differs, by name, on either side.
fn differences(name: &str, one: &Value, other: &Value, own: &mut Vec<String>, others: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in one {
                differences(key, value, other.get(key).unwrap_or(&Value::Null), own, others);
            }
        }
        _ if one == other => {}
        _ => {
            own.push(format!("{name}: {one}"));
            others.push(format!("{name}: {other}"));
        }
    }
}

/// Hashes weights in the order of the module.
struct Hashed(Sha256);

impl ModuleVisitor for Hashed {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values: Vec<f32> = param.val().into_data_as::<f32>().try_into_vec().unwrap_or_default();
        values.iter().for_each(|value| self.0.update(value.to_le_bytes()));
    }
}

fn short(hash: Sha256) -> String {
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
