//! The network of a probe, as a burn module.

use arbitrage_core::Draw;
use arbitrage_models::Result;
use arbitrage_models::train::{Loss, Objective};
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::super::mlp::{Layer, Mlp};
use super::lessons::Lesson;

/// Linear layers with SiLU between them.
#[derive(Module, Debug)]
pub(super) struct Network {
    layers: Vec<Linear>,
}

impl Network {
    /// Fresh weights, uniform within the inverse root of the inputs; `widths` are inputs, inner layers, outputs.
    pub fn new(widths: &[usize], seed: u64, device: &Device) -> Self {
        let mut draw = Draw::new(Draw::new(seed).next_u64());
        let mut layer = |pair: &[usize]| {
            let bound = (pair[0] as f64).powf(-0.5);
            let values: Vec<f32> =
                (0..pair[0] * pair[1]).map(|_| ((2.0 * draw.uniform() - 1.0) * bound) as f32).collect();
            let weight = Param::from_data(TensorData::new(values, [pair[0], pair[1]]), device);
            let bias = Param::from_data(TensorData::new(vec![0f32; pair[1]], [pair[1]]), device);
            Linear { weight, bias: Some(bias) }
        };
        Self { layers: widths.windows(2).map(&mut layer).collect() }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layers
            .iter()
            .enumerate()
            .fold(x, |x, (index, layer)| layer.forward(if index > 0 { activation::silu(x) } else { x }))
    }

    /// The same network in plain Rust, behind a standardisation.
    pub fn to_mlp(&self, standard: &Standard) -> Mlp {
        let values = |tensor: Tensor<1>| tensor.into_data_as::<f32>().try_into_vec::<f32>().unwrap_or_default();
        let layer = |linear: &Linear| {
            let weight = linear.weight.val().transpose();
            let count = weight.shape().num_elements();
            let bias = linear.bias.as_ref().map(|bias| values(bias.val())).unwrap_or_default();
            Layer { weight: values(weight.reshape([count])), bias }
        };
        let layers = self.layers.iter().map(layer).collect();
        Mlp { mean: standard.mean.clone(), deviation: standard.deviation.clone(), layers }
    }
}

/// Mean and deviation of each input on the training set.
pub(super) struct Standard {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Standard {
    /// Of rows of one width, at least one. An input that never changes gets deviation 1.
    pub fn of(rows: &[Vec<f32>]) -> Self {
        let (width, count) = (rows.first().map_or(0, Vec::len), rows.len() as f64);
        let mean = |of: &dyn Fn(&Vec<f32>) -> f64| rows.iter().map(of).sum::<f64>() / count;
        let moments = |at: usize| {
            let average = mean(&|row| f64::from(row[at]));
            let variance = mean(&|row| (f64::from(row[at]) - average).powi(2));
            let deviation = variance.sqrt();
            (average as f32, if deviation > 1e-6 { deviation as f32 } else { 1.0 })
        };
        let (mean, deviation) = (0..width).map(moments).unzip();
        Self { mean, deviation }
    }

    fn apply(&self, row: &[f32]) -> Vec<f32> {
        row.iter().zip(&self.mean).zip(&self.deviation).map(|((x, mean), deviation)| (x - mean) / deviation).collect()
    }
}

/// Rows of numbers with answers.
pub(super) struct Table<S> {
    rows: Vec<Vec<f32>>,
    lessons: Vec<Lesson>,
    loss: Loss,
    score: S,
}

impl<S: Fn(&Network) -> Result<f64> + Sync> Table<S> {
    pub fn new(rows: &[Vec<f32>], standard: &Standard, lessons: Vec<Lesson>, loss: Loss, score: S) -> Self {
        Self { rows: rows.iter().map(|row| standard.apply(row)).collect(), lessons, loss, score }
    }
}

impl<S: Fn(&Network) -> Result<f64> + Sync> Objective for Table<S> {
    type Model = Network;

    fn len(&self) -> usize {
        self.lessons.len()
    }

    fn length(&self, _example: usize) -> usize {
        1
    }

    fn weight(&self, example: usize) -> f64 {
        f64::from(self.lessons[example].weight)
    }

    fn content(&self, example: usize, hear: &mut dyn FnMut(&[u8])) {
        let Lesson { example, answer, weight } = &self.lessons[example];
        hear(&[self.loss as u8]);
        let numbers = self.rows[*example].iter().chain(answer).chain([weight]);
        numbers.for_each(|number| hear(&number.to_le_bytes()));
    }

    fn loss(&self, model: &Network, examples: &[usize]) -> Result<Tensor<1>> {
        let device = model.devices().into_iter().next().unwrap_or_default();
        let lessons = || examples.iter().map(|&example| &self.lessons[example]);
        let table = |values: Vec<f32>| {
            let shape = [examples.len(), values.len() / examples.len()];
            Tensor::<2>::from_data(TensorData::new(values, shape), &device)
        };
        let rows = table(lessons().flat_map(|lesson| &self.rows[lesson.example]).copied().collect());
        let answers = table(lessons().flat_map(|lesson| &lesson.answer).copied().collect());
        let weights = table(lessons().map(|lesson| lesson.weight).collect());
        Ok((self.loss.cross_entropy(model.forward(rows), answers) * weights).sum())
    }

    fn score(&self, model: &Network) -> Result<Option<f64>> {
        (self.score)(model).map(Some)
    }
}
