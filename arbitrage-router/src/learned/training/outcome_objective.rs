//! The loss of a sequential router's networks.

use arbitrage_models::Result;
use arbitrage_models::train::{Loss, Objective};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::super::mlp::Standardization;
use super::network::Network;

/// Cross entropy of the first two outputs, and squared error of the others. Outputs whose target is NaN have no loss.
pub(super) struct OutcomeObjective<'a> {
    /// Standardised features, one row per decision.
    pub(super) rows: Vec<Vec<f32>>,
    /// For each decision, a target for each output, or NaN.
    pub(super) targets: Vec<Vec<f32>>,
    /// Rows that are not standardised, and their targets.
    pub(super) validation: (&'a [Vec<f32>], Vec<Vec<f32>>),
    pub(super) standardization: &'a Standardization,
}

/// Weight of the squared error of each count of tokens. Both losses are of order one, and four counts stand beside one answer.
const WORK_WEIGHT: f32 = 0.25;

impl Objective for OutcomeObjective<'_> {
    type Model = Network;

    fn len(&self) -> usize {
        self.targets.len()
    }

    fn length(&self, _example: usize) -> usize {
        1
    }

    fn weight(&self, _example: usize) -> f64 {
        1.0
    }

    fn hash_into(&self, example: usize, update: &mut dyn FnMut(&[u8])) {
        let numbers = self.rows[example].iter().chain(&self.targets[example]);
        numbers.for_each(|number| update(&number.to_le_bytes()));
    }

    fn loss(&self, model: &Network, examples: &[usize]) -> Result<Tensor<1>> {
        let device = model.devices().into_iter().next().unwrap_or_default();
        let rows = matrix(examples.iter().map(|&example| self.rows[example].as_slice()), &device);
        let targets = || examples.iter().map(|&example| self.targets[example].as_slice());
        let map = |of: fn(f32) -> f32| {
            let mapped: Vec<Vec<f32>> = targets().map(|row| row.iter().copied().map(of).collect()).collect();
            matrix(mapped.iter().map(Vec::as_slice), &device)
        };
        let is_taken = map(|target| f32::from(u8::from(!target.is_nan())));
        let targets = map(|target| if target.is_nan() { 0.0 } else { target });
        let outputs = model.forward(rows);
        let counts = outputs.dims()[1] - 2;
        let part = |tensor: &Tensor<2>, first: usize, count: usize| tensor.clone().narrow(1, first, count);
        let entropy = Loss::Sigmoid.cross_entropy(part(&outputs, 0, 2), part(&targets, 0, 2));
        let loss = (entropy * part(&is_taken, 0, 2)).sum();
        if counts == 0 {
            return Ok(loss);
        }
        let difference = part(&outputs, 2, counts) - part(&targets, 2, counts);
        let squares = difference.powi_scalar(2) * part(&is_taken, 2, counts);
        Ok(loss + squares.sum() * WORK_WEIGHT)
    }

    fn score(&self, model: &Network) -> Result<Option<f64>> {
        let (rows, targets) = &self.validation;
        if rows.is_empty() {
            return Ok(None);
        }
        let mlp = model.to_mlp(self.standardization);
        let mut loss = 0.0;
        for (row, targets) in rows.iter().zip(targets) {
            loss += loss_of(&mlp.forward(row)?, targets);
        }
        Ok(Some(-loss / rows.len() as f64))
    }
}

/// The loss of one decision, as [`OutcomeObjective::loss`] computes it.
fn loss_of(outputs: &[f32], targets: &[f32]) -> f64 {
    let pairs = outputs.iter().zip(targets).enumerate().filter(|(_, (_, target))| !target.is_nan());
    let loss = pairs.map(|(at, (output, target))| {
        let (output, target) = (f64::from(*output), f64::from(*target));
        // ln(1 + e^x) − target · x, without overflow.
        let entropy = || output.max(0.0) + (-output.abs()).exp().ln_1p() - target * output;
        if at < 2 { entropy() } else { f64::from(WORK_WEIGHT) * (output - target).powi(2) }
    });
    loss.sum()
}

fn matrix<'a>(rows: impl ExactSizeIterator<Item = &'a [f32]>, device: &Device) -> Tensor<2> {
    let count = rows.len();
    let values: Vec<f32> = rows.flatten().copied().collect();
    let shape = [count, values.len() / count.max(1)];
    Tensor::from_data(TensorData::new(values, shape), device)
}
