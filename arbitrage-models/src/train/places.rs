//! What the rows of one pass share: rotary tables and the causal mask.

use burn::tensor::{Device, Tensor, TensorData};

use crate::config::ModelConfig;

/// Added to scores that are not to count: a share of 10⁻³⁵. Where the exponential underflows, it takes ten times as long.
const HIDDEN: f32 = -80.0;

/// Tables for texts of one length, all of which begin at position 0.
pub(super) struct Places {
    /// `[1, length, 1, head_dim]`, each half the same.
    cos: Tensor<4>,
    sin: Tensor<4>,
    /// `[head_dim, head_dim]`: `x · turn` is `(−x₂, x₁)` for `x = (x₁, x₂)`.
    turn: Tensor<2>,
    /// `[1, 1, length, length]`: 0 where a row may look, [`HIDDEN`] where it may not.
    mask: Tensor<4>,
}

impl Places {
    pub fn new(length: usize, config: &ModelConfig, device: &Device) -> Self {
        let width = config.head_dim;
        let frequencies = config.rope.frequencies(width);
        let angle = |place: usize| frequencies.iter().chain(&frequencies).map(move |f| place as f64 * f);
        let (cos, sin): (Vec<f32>, Vec<f32>) =
            (0..length).flat_map(angle).map(|angle| (angle.cos() as f32, angle.sin() as f32)).unzip();
        let table = |values| Tensor::from_data(TensorData::new(values, [1, length, 1, width]), device);
        let mask: Vec<f32> =
            (0..length).flat_map(|row| (0..length).map(move |at| if at <= row { 0.0 } else { HIDDEN })).collect();
        Self {
            cos: table(cos),
            sin: table(sin),
            turn: Tensor::from_data(TensorData::new(turn(width), [width, width]), device),
            mask: Tensor::from_data(TensorData::new(mask, [1, 1, length, length]), device),
        }
    }

    /// Turns `[texts, length, heads, head_dim]` by each row's place. The exchange of halves is a product with a signed
    /// permutation: burn's gradients of slices and concatenations cost more than the small product does.
    pub fn rotate(&self, x: Tensor<4>) -> Tensor<4> {
        let [texts, length, heads, width] = x.dims();
        let turned = x.clone().reshape([texts * length * heads, width]).matmul(self.turn.clone());
        x * self.cos.clone() + turned.reshape([texts, length, heads, width]) * self.sin.clone()
    }

    pub fn mask(&self) -> Tensor<4> {
        self.mask.clone()
    }
}

fn turn(width: usize) -> Vec<f32> {
    let half = width / 2;
    let mut turn = vec![0.0; width * width];
    for at in 0..half {
        turn[(at + half) * width + at] = -1.0;
        turn[at * width + at + half] = 1.0;
    }
    turn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(length: usize) -> Places {
        let json = serde_json::json!({
            "model_type": "llama", "vocab_size": 4, "hidden_size": 16, "intermediate_size": 4, "num_hidden_layers": 1,
            "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
            "rms_norm_eps": 1e-5, "rope_theta": 100.0, "tie_word_embeddings": true
        });
        let config = ModelConfig::from_json(std::path::Path::new("config.json"), &json.to_string()).unwrap();
        Places::new(length, &config, &Device::flex())
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data_as::<f32>().try_into_vec().unwrap()
    }

    /// Each pair `(x[k], x[k + half])` is a point that is turned by the place times the pair's frequency (Su et al.).
    #[test]
    fn points_are_turned_by_their_place() {
        let (length, heads, width) = (5, 2, 8);
        let x: Vec<f32> = (0..length * heads * width).map(|at| (at as f32 * 0.37).sin()).collect();
        let shape = [1, length, heads, width];
        let turned =
            values(places(length).rotate(Tensor::from_data(TensorData::new(x.clone(), shape), &Device::flex())));
        for row in 0..length * heads {
            for pair in 0..width / 2 {
                let angle = (row / heads) as f64 * 100f64.powf(-2.0 * pair as f64 / width as f64);
                let [a, b] = [pair, pair + width / 2].map(|at| f64::from(x[row * width + at]));
                let [c, d] = [pair, pair + width / 2].map(|at| f64::from(turned[row * width + at]));
                let (sin, cos) = angle.sin_cos();
                assert!((c - (a * cos - b * sin)).abs() < 1e-5, "row {row} pair {pair}");
                assert!((d - (a * sin + b * cos)).abs() < 1e-5, "row {row} pair {pair}");
            }
        }
    }

    #[test]
    fn rows_look_back_only() {
        let mask = values(places(4).mask());
        for row in 0..4 {
            for at in 0..4 {
                assert_eq!(mask[row * 4 + at], if at <= row { 0.0 } else { HIDDEN }, "{row} {at}");
            }
        }
    }
}
