//! Rotary position encoding in the rotate-half layout, with plain operations.

use burn::tensor::{Device, Tensor, TensorData};

/// Cosines and sines of the rows of one pass, `[rows, 1, head_dim / 2]` each.
pub(super) struct RotaryTables {
    cos: Tensor<3>,
    sin: Tensor<3>,
}

impl RotaryTables {
    /// Tables for rows at `positions`, all numbers multiplied by `magnitude`. Angles are computed in f64: at position 10⁵ an f32 angle has lost its last digits.
    pub(super) fn new(positions: &[usize], frequencies: &[f64], magnitude: f64, device: &Device) -> Self {
        let angles = positions.iter().flat_map(|&p| frequencies.iter().map(move |f| p as f64 * f));
        let (cos, sin): (Vec<f32>, Vec<f32>) =
            angles.map(|a| ((a.cos() * magnitude) as f32, (a.sin() * magnitude) as f32)).unzip();
        let shape = [positions.len(), 1, frequencies.len()];
        let tensor = |values| Tensor::from_data(TensorData::new(values, shape), device);
        Self { cos: tensor(cos), sin: tensor(sin) }
    }

    /// Rotates `[rows, heads, head_dim]`: the first half of a head pairs with the second.
    pub(super) fn rotate(&self, x: Tensor<3>) -> Tensor<3> {
        let [rows, heads, width] = x.dims();
        let half = |from, to| x.clone().slice([0..rows, 0..heads, from..to]);
        let (first, second) = (half(0, width / 2), half(width / 2, width));
        let (cos, sin) = (self.cos.clone(), self.sin.clone());
        let rotated_first = first.clone() * cos.clone() - second.clone() * sin.clone();
        let rotated_second = second * cos + first * sin;
        Tensor::cat(vec![rotated_first, rotated_second], 2)
    }
}
