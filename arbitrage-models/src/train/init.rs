//! Where a module's first weights come from: a seed, or a file.

use arbitrage_core::Draw;
use burn::module::Param;
use burn::nn::{Embedding, Linear, RmsNorm};
use burn::tensor::{Device, Tensor, TensorData};

/// Standard deviation of fresh weights, as GPT-2 and Llama have it.
pub(super) const DEVIATION: f64 = 0.02;

/// Hands out parameters by their Hugging Face names, in the order in which a module asks for them.
pub(super) trait Weights {
    /// `name.weight`, `[count, width]`.
    fn embedding(&mut self, name: &str, count: usize, width: usize) -> Embedding;

    /// `name.weight` and `name.bias` of a layer between two widths, input and output; fresh weights deviate `scale` times as much as usual.
    fn linear(&mut self, name: &str, widths: [usize; 2], bias: bool, scale: f64) -> Linear;

    /// `name.weight`, `[width]`.
    fn norm(&mut self, name: &str, width: usize, epsilon: f32) -> RmsNorm;
}

/// Fresh parameters, each from the next numbers of one stream: equal seeds give equal weights, on any device.
pub(super) struct Init<'a> {
    draw: Draw,
    device: &'a Device,
}

impl<'a> Init<'a> {
    pub fn new(seed: u64, device: &'a Device) -> Self {
        Self { draw: Draw::new(seed), device }
    }

    /// Entries that deviate `scale` times as much as usual.
    pub fn normal(&mut self, shape: [usize; 2], scale: f64) -> Param<Tensor<2>> {
        let values: Vec<f32> =
            (0..shape[0] * shape[1]).map(|_| (self.standard_normal() * DEVIATION * scale) as f32).collect();
        Param::from_data(TensorData::new(values, shape), self.device)
    }

    /// Box and Muller's transform. One of its two numbers is let go, which costs nothing worth a state.
    fn standard_normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.draw.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.draw.uniform()).cos()
    }
}

impl Weights for Init<'_> {
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
        let mut init = Init::new(7, &device);
        let draws: Vec<f64> = (0..20_000).map(|_| init.standard_normal()).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        let weights = |seed| Init::new(seed, &device).embedding("e", 4, 8).weight.val().into_data();
        assert_eq!(weights(1), weights(1));
        assert_ne!(weights(1), weights(2));
    }
}
