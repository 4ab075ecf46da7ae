//! Tables of a forward pass that depend on positions alone: rotary embeddings and the causal mask.

use burn::tensor::{Device, Tensor, TensorData};

use crate::config::ModelConfig;

/// Added to the scores of masked positions, whose weight is then about 10⁻²². Much lower values would make their gradients denormal
/// numbers, with which a processor's multiplications take a hundred times as long: with −80, training took four times as long.
const MASKED_SCORE: f32 = -50.0;

/// Tables for texts of one length that begin at position 0.
pub(super) struct PositionTables {
    /// `[1, length, 1, head_dim]`; both halves of `head_dim` are the same.
    cos: Tensor<4>,
    sin: Tensor<4>,
    /// `[head_dim, head_dim]`: `x · rotate_half` is `(−x₂, x₁)` for `x = (x₁, x₂)`.
    rotate_half: Tensor<2>,
    /// `[1, 1, length, length]`: 0 where a row may attend, [`MASKED_SCORE`] where it may not.
    mask: Tensor<4>,
}

impl PositionTables {
    pub(super) fn new(length: usize, config: &ModelConfig, device: &Device) -> Self {
        let width = config.head_dim;
        let frequencies = config.rope.frequencies(config.context);
        let angle = |position: usize| frequencies.iter().chain(&frequencies).map(move |f| position as f64 * f);
        let (cos, sin): (Vec<f32>, Vec<f32>) =
            (0..length).flat_map(angle).map(|angle| (angle.cos() as f32, angle.sin() as f32)).unzip();
        let table = |values| Tensor::from_data(TensorData::new(values, [1, length, 1, width]), device);
        let mask: Vec<f32> =
            (0..length).flat_map(|row| (0..length).map(move |at| if at <= row { 0.0 } else { MASKED_SCORE })).collect();
        Self {
            cos: table(cos),
            sin: table(sin),
            rotate_half: Tensor::from_data(TensorData::new(rotate_half(width), [width, width]), device),
            mask: Tensor::from_data(TensorData::new(mask, [1, 1, length, length]), device),
        }
    }

    /// Rotates `[texts, length, heads, head_dim]` by each row's position. The halves are exchanged by a product with a signed
    /// permutation, which is cheaper than burn's gradients of slices and concatenations.
    pub(super) fn rotate(&self, x: Tensor<4>) -> Tensor<4> {
        let [texts, length, heads, width] = x.dims();
        let rotated = x.clone().reshape([texts * length * heads, width]).matmul(self.rotate_half.clone());
        x * self.cos.clone() + rotated.reshape([texts, length, heads, width]) * self.sin.clone()
    }

    pub(super) fn mask(&self) -> Tensor<4> {
        self.mask.clone()
    }
}

fn rotate_half(width: usize) -> Vec<f32> {
    let half = width / 2;
    let mut matrix = vec![0.0; width * width];
    for at in 0..half {
        matrix[(at + half) * width + at] = -1.0;
        matrix[at * width + at + half] = 1.0;
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(length: usize) -> PositionTables {
        let json = serde_json::json!({
            "model_type": "llama", "vocab_size": 4, "hidden_size": 16, "intermediate_size": 4, "num_hidden_layers": 1,
            "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
            "rms_norm_eps": 1e-5, "rope_theta": 100.0, "tie_word_embeddings": true
        });
        let config = ModelConfig::from_json(std::path::Path::new("config.json"), &json.to_string()).unwrap();
        PositionTables::new(length, &config, &Device::flex())
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data_as::<f32>().try_into_vec().unwrap()
    }

    /// Each pair `(x[k], x[k + half])` is a point that is rotated by the position times the pair's frequency (Su et al.).
    #[test]
    fn points_are_rotated_by_their_position() {
        let (length, heads, width) = (5, 2, 8);
        let x: Vec<f32> = (0..length * heads * width).map(|at| (at as f32 * 0.37).sin()).collect();
        let shape = [1, length, heads, width];
        let rotated =
            values(tables(length).rotate(Tensor::from_data(TensorData::new(x.clone(), shape), &Device::flex())));
        for row in 0..length * heads {
            for pair in 0..width / 2 {
                let angle = (row / heads) as f64 * 100f64.powf(-2.0 * pair as f64 / width as f64);
                let [a, b] = [pair, pair + width / 2].map(|at| f64::from(x[row * width + at]));
                let [c, d] = [pair, pair + width / 2].map(|at| f64::from(rotated[row * width + at]));
                let (sin, cos) = angle.sin_cos();
                assert!((c - (a * cos - b * sin)).abs() < 1e-5, "row {row} pair {pair}");
                assert!((d - (a * sin + b * cos)).abs() < 1e-5, "row {row} pair {pair}");
            }
        }
    }

    #[test]
    fn rows_do_not_attend_to_later_positions() {
        let mask = values(tables(4).mask());
        for row in 0..4 {
            for at in 0..4 {
                assert_eq!(mask[row * 4 + at], if at <= row { 0.0 } else { MASKED_SCORE }, "{row} {at}");
            }
        }
    }
}
