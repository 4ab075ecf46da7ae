//! The network of probes and value heads, as a burn module, and its training objective.

use arbitrage_core::Draw;
use arbitrage_models::Result;
use arbitrage_models::train::{Loss, Objective};
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::super::mlp::{LinearLayer, Mlp, Standardization};
use super::targets::TrainingTarget;

/// Linear layers with SiLU between them. Its inputs are standardised.
#[derive(Module, Debug)]
pub(super) struct Network {
    layers: Vec<Linear>,
}

impl Network {
    /// A network with zero biases and weights that are uniform in ±1/√inputs. `widths` are those of the inputs, the
    /// hidden layers, and the outputs.
    pub(super) fn new(widths: &[usize], seed: u64, device: &Device) -> Self {
        let mut draw = Draw::new(Draw::new(seed).next_u64());
        let mut layer = |pair: &[usize]| {
            let (inputs, outputs) = (pair[0], pair[1]);
            let bound = (inputs as f64).powf(-0.5);
            let values: Vec<f32> =
                (0..inputs * outputs).map(|_| ((2.0 * draw.uniform() - 1.0) * bound) as f32).collect();
            let weight = Param::from_data(TensorData::new(values, [inputs, outputs]), device);
            let bias = Param::from_data(TensorData::new(vec![0f32; outputs], [outputs]), device);
            Linear { weight, bias: Some(bias) }
        };
        Self { layers: widths.windows(2).map(&mut layer).collect() }
    }

    /// `[batch, inputs]` to `[batch, outputs]`.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layers
            .iter()
            .enumerate()
            .fold(x, |x, (index, layer)| layer.forward(if index > 0 { activation::silu(x) } else { x }))
    }

    /// The same network in plain Rust, with the standardisation of its inputs.
    pub(super) fn to_mlp(&self, standardization: &Standardization) -> Mlp {
        let values = |tensor: Tensor<1>| tensor.into_data_as::<f32>().try_into_vec::<f32>().unwrap_or_default();
        let layer = |linear: &Linear| {
            let weight = linear.weight.val().transpose();
            let count = weight.shape().num_elements();
            let bias = linear.bias.as_ref().map(|bias| values(bias.val())).unwrap_or_default();
            LinearLayer { weight: values(weight.reshape([count])), bias }
        };
        Mlp { standardization: standardization.clone(), layers: self.layers.iter().map(layer).collect() }
    }
}

impl Standardization {
    /// Mean and standard deviation of each column of the training set, whose rows are all of one width. The deviation
    /// of a constant column is 1.
    pub(super) fn fit(rows: &[Vec<f32>]) -> Self {
        let (width, count) = (rows.first().map_or(0, Vec::len), rows.len() as f64);
        let column_mean = |of: &dyn Fn(&Vec<f32>) -> f64| rows.iter().map(of).sum::<f64>() / count;
        let moments = |column: usize| {
            let mean = column_mean(&|row| f64::from(row[column]));
            let deviation = column_mean(&|row| (f64::from(row[column]) - mean).powi(2)).sqrt();
            (mean as f32, if deviation > 1e-6 { deviation as f32 } else { 1.0 })
        };
        let (mean, deviation) = (0..width).map(moments).unzip();
        Self { mean, deviation }
    }
}

/// Widths of a network with one hidden layer, or without one where `hidden` is 0.
pub(super) fn layer_widths(inputs: usize, hidden: usize, outputs: usize) -> Vec<usize> {
    if hidden > 0 { vec![inputs, hidden, outputs] } else { vec![inputs, outputs] }
}

/// Cross entropy of a [`Network`] on rows of features. `score` is the validation metric.
pub(super) struct TabularObjective<S> {
    /// Standardised features, one row per example.
    rows: Vec<Vec<f32>>,
    targets: Vec<TrainingTarget>,
    loss: Loss,
    score: S,
}

impl<S: Fn(&Network) -> Result<f64> + Sync> TabularObjective<S> {
    pub(super) fn new(rows: Vec<Vec<f32>>, targets: Vec<TrainingTarget>, loss: Loss, score: S) -> Self {
        Self { rows, targets, loss, score }
    }
}

impl<S: Fn(&Network) -> Result<f64> + Sync> Objective for TabularObjective<S> {
    type Model = Network;

    fn len(&self) -> usize {
        self.targets.len()
    }

    fn length(&self, _example: usize) -> usize {
        1
    }

    fn weight(&self, example: usize) -> f64 {
        f64::from(self.targets[example].weight)
    }

    fn hash_into(&self, example: usize, update: &mut dyn FnMut(&[u8])) {
        let TrainingTarget { example, probabilities, weight } = &self.targets[example];
        update(&[self.loss as u8]);
        let numbers = self.rows[*example].iter().chain(probabilities).chain([weight]);
        numbers.for_each(|number| update(&number.to_le_bytes()));
    }

    fn loss(&self, model: &Network, examples: &[usize]) -> Result<Tensor<1>> {
        let device = model.devices().into_iter().next().unwrap_or_default();
        let targets = || examples.iter().map(|&example| &self.targets[example]);
        let matrix = |values: Vec<f32>| {
            let shape = [examples.len(), values.len() / examples.len()];
            Tensor::<2>::from_data(TensorData::new(values, shape), &device)
        };
        let rows = matrix(targets().flat_map(|target| &self.rows[target.example]).copied().collect());
        let probabilities = matrix(targets().flat_map(|target| &target.probabilities).copied().collect());
        let weights = matrix(targets().map(|target| target.weight).collect());
        Ok((self.loss.cross_entropy(model.forward(rows), probabilities) * weights).sum())
    }

    fn score(&self, model: &Network) -> Result<Option<f64>> {
        (self.score)(model).map(Some)
    }
}
