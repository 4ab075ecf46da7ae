//! Rotary position encoding in the rotate-half layout: the encodings of a model, and their plain operations.

use burn::tensor::{Device, Tensor, TensorData};

use crate::config::{LayerRotation, ModelConfig, Rope};

/// One value for each rotary encoding that the layers of a model have.
pub(super) struct ByRotation<T> {
    global: T,
    local: Option<T>,
}

impl<T> ByRotation<T> {
    /// The value of a layer that rotates so; `None` for one that does not rotate.
    pub(super) fn get(&self, rotation: LayerRotation) -> Option<&T> {
        match rotation {
            LayerRotation::None => None,
            LayerRotation::Global => Some(&self.global),
            LayerRotation::Local => self.local.as_ref(),
        }
    }

    /// What `make` gives for each.
    pub(super) fn map<U>(&self, make: impl Fn(&T) -> U) -> ByRotation<U> {
        ByRotation { global: make(&self.global), local: self.local.as_ref().map(make) }
    }
}

/// The numbers of a rotary encoding.
pub(super) struct RopeFrequencies {
    /// In radians for each position, one for each pair of numbers that rotate.
    pub radians: Vec<f64>,
    /// What sines and cosines are multiplied by.
    pub magnitude: f64,
}

impl RopeFrequencies {
    /// Those of a model.
    pub(super) fn of(config: &ModelConfig) -> ByRotation<Self> {
        let of = |rope: &Rope| Self { radians: rope.frequencies(config.context), magnitude: rope.magnitude() };
        ByRotation { global: of(&config.rope), local: config.local_rope.as_ref().map(of) }
    }
}

/// Cosines and sines of the rows of one pass, `[rows, 1, pairs]` each.
pub(super) struct RotaryTables {
    cos: Tensor<3>,
    sin: Tensor<3>,
}

impl RotaryTables {
    /// Tables for rows at `positions`. Angles are computed in f64: at position 10⁵ an f32 angle has lost its last digits.
    pub(super) fn new(positions: &[usize], frequencies: &RopeFrequencies, device: &Device) -> Self {
        let RopeFrequencies { radians: frequencies, magnitude } = frequencies;
        let angles = positions.iter().flat_map(|&p| frequencies.iter().map(move |f| p as f64 * f));
        let (cos, sin): (Vec<f32>, Vec<f32>) =
            angles.map(|a| ((a.cos() * magnitude) as f32, (a.sin() * magnitude) as f32)).unzip();
        let shape = [positions.len(), 1, frequencies.len()];
        let tensor = |values| Tensor::from_data(TensorData::new(values, shape), device);
        Self { cos: tensor(cos), sin: tensor(sin) }
    }

    /// Rotates `[rows, heads, head_dim]`: the first half of what rotates of a head pairs with the second; what is left stays as it is.
    pub(super) fn rotate(&self, x: Tensor<3>) -> Tensor<3> {
        let [rows, heads, width] = x.dims();
        let pairs = self.cos.dims()[2];
        let part = |from, to| x.clone().slice([0..rows, 0..heads, from..to]);
        let (first, second) = (part(0, pairs), part(pairs, 2 * pairs));
        let (cos, sin) = (self.cos.clone(), self.sin.clone());
        let rotated_first = first.clone() * cos.clone() - second.clone() * sin.clone();
        let rotated_second = second * cos + first * sin;
        let mut parts = vec![rotated_first, rotated_second];
        if 2 * pairs < width {
            parts.push(part(2 * pairs, width));
        }
        Tensor::cat(parts, 2)
    }
}
