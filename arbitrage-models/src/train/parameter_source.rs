//! Sources of a module's initial weights: random numbers, or the files of a folder.

use arbitrage_core::Draw;
use burn::module::Param;
use burn::nn::{Embedding, Linear, RmsNorm};
use burn::tensor::{Device, Tensor, TensorData};

/// Standard deviation of random initial weights, as in GPT-2 and Llama.
pub(super) const INIT_DEVIATION: f64 = 0.02;

/// Gives a module its parameters, by their Hugging Face names and in the order in which the module needs them.
pub(super) trait ParameterSource {
    /// `name.weight`, `[count, width]`.
    fn embedding(&mut self, name: &str, count: usize, width: usize) -> Embedding;

    /// `name.weight` and `name.bias` of a layer with these input and output widths. The deviation of random weights is multiplied by
    /// `scale`.
    fn linear(&mut self, name: &str, widths: [usize; 2], bias: bool, scale: f64) -> Linear;

    /// `name.weight`, `[width]`.
    fn norm(&mut self, name: &str, width: usize, epsilon: f32) -> RmsNorm;
}

/// Random initial parameters from one stream of numbers: equal seeds give equal weights on any device.
pub(super) struct RandomInit<'a> {
    draw: Draw,
    device: &'a Device,
}

impl<'a> RandomInit<'a> {
    pub(super) fn new(seed: u64, device: &'a Device) -> Self {
        Self { draw: Draw::new(seed), device }
    }

    /// A normally distributed matrix with `scale` times the usual deviation.
    pub(super) fn normal(&mut self, shape: [usize; 2], scale: f64) -> Param<Tensor<2>> {
        let values: Vec<f32> =
            (0..shape[0] * shape[1]).map(|_| (self.standard_normal() * INIT_DEVIATION * scale) as f32).collect();
        Param::from_data(TensorData::new(values, shape), self.device)
    }

    /// The Box–Muller transform. Its second number is discarded, since keeping it would not be worth the additional state.
    fn standard_normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.draw.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.draw.uniform()).cos()
    }
}

impl ParameterSource for RandomInit<'_> {
    fn embedding(&mut self, _name: &str, count: usize, width: usize) -> Embedding {
        Embedding { weight: self.normal([count, width], 1.0) }
    }

    fn linear(&mut self, _name: &str, shape: [usize; 2], bias: bool, scale: f64) -> Linear {
        let weight = self.normal(shape, scale);
        Linear { weight, bias: bias.then(|| constant([shape[1]], 0.0, self.device)) }
    }

    fn norm(&mut self, _name: &str, width: usize, epsilon: f32) -> RmsNorm {
        RmsNorm { gamma: constant([width], 1.0, self.device), epsilon: f64::from(epsilon) }
    }
}

fn constant(shape: [usize; 1], value: f32, device: &Device) -> Param<Tensor<1>> {
    Param::from_data(TensorData::new(vec![value; shape[0]], shape), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_normal_and_pinned_by_the_seed() {
        let device = Device::flex();
        let mut init = RandomInit::new(7, &device);
        let draws: Vec<f64> = (0..20_000).map(|_| init.standard_normal()).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        let weights = |seed| RandomInit::new(seed, &device).embedding("e", 4, 8).weight.val().into_data();
        assert_eq!(weights(1), weights(1));
        assert_ne!(weights(1), weights(2));
    }
}
