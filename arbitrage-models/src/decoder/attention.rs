//! Grouped-query attention (Ainslie et al., arXiv 2305.13245) over the caches of several sequences.

#[cfg(feature = "flex")]
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData, activation};

use super::Span;
use super::cache::{Cache, PlainCache, Store};
#[cfg(feature = "flex")]
use super::fused;
use super::linear::Linear;
use super::rope::Tables;
use crate::config::ModelConfig;

/// The attention part of a layer.
pub(super) struct Attention {
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub output: Linear,
}

/// The sequences of one pass: whose rows are whose, and where each stands.
pub(super) struct Batch<'s, 'c> {
    caches: Vec<&'s mut &'c mut Cache>,
    rows: Vec<usize>,
    config: &'s ModelConfig,
    device: &'s Device,
    rotation: Rotation,
}

#[allow(clippy::large_enum_variant, reason = "there are few of them, each beside megabytes of weights")]
enum Rotation {
    Plain(Tables),
    #[cfg(feature = "flex")]
    Fused(Arc<fused::Batch>),
}

impl<'s, 'c> Batch<'s, 'c> {
    /// A pass over `spans`, after what their caches hold.
    pub fn new(spans: &'s mut [Span<'c>], config: &'s ModelConfig, frequencies: &[f64], device: &'s Device) -> Self {
        let rows: Vec<usize> = spans.iter().map(|span| span.tokens.len()).collect();
        let caches: Vec<_> = spans.iter_mut().map(|span| &mut span.cache).collect();
        #[cfg(feature = "flex")]
        let fused = Rotation::fused(&caches, &rows, config, frequencies);
        #[cfg(not(feature = "flex"))]
        let fused = None;
        let rotation = fused.unwrap_or_else(|| Rotation::plain(&caches, &rows, frequencies, device));
        Self { caches, rows, config, device, rotation }
    }

    /// Declares the rows of this pass held, after the last layer.
    pub fn advance(&mut self) {
        for (cache, &rows) in self.caches.iter_mut().zip(&self.rows) {
            match &mut cache.0 {
                Store::Plain(cache) => cache.len += rows,
                #[cfg(feature = "flex")]
                Store::Fused(cache) => fused::lock(cache).advance(rows),
            }
        }
    }
}

impl Rotation {
    /// For the fused operation, if the caches are its own.
    #[cfg(feature = "flex")]
    fn fused(caches: &[&mut &mut Cache], rows: &[usize], config: &ModelConfig, frequencies: &[f64]) -> Option<Self> {
        let caches = caches
            .iter()
            .map(|cache| if let Store::Fused(cache) = &cache.0 { Some(cache.clone()) } else { None })
            .collect::<Option<Vec<_>>>()?;
        Some(Self::Fused(Arc::new(fused::Batch::new(caches, rows, config, frequencies))))
    }

    fn plain(caches: &[&mut &mut Cache], rows: &[usize], frequencies: &[f64], device: &Device) -> Self {
        let positions: Vec<usize> =
            caches.iter().zip(rows).flat_map(|(cache, &rows)| cache.len()..cache.len() + rows).collect();
        Self::Plain(Tables::new(&positions, frequencies, device))
    }
}

impl Attention {
    /// `[rows, hidden]` → `[rows, hidden]`, each row attending to its own sequence up to itself.
    pub fn forward(&self, x: Tensor<2>, layer: usize, batch: &mut Batch<'_, '_>) -> Tensor<2> {
        let attended = match &batch.rotation {
            #[cfg(feature = "flex")]
            Rotation::Fused(fused) => fused::attend(self.project(x), layer, fused.clone()),
            Rotation::Plain(tables) => {
                let qkv = [&self.query, &self.key, &self.value].map(|linear| linear.forward(x.clone()));
                let [q, k, v] = split_heads(qkv, batch.config);
                let (q, k) = (tables.turn(q), tables.turn(k));
                attend_plain([q, k, v], layer, &mut batch.caches, &batch.rows, batch.device)
            }
        };
        self.output.forward(attended)
    }

    /// Queries, keys and values side by side, `[rows, (heads + 2 · kv_heads) · head_dim]`.
    #[cfg(feature = "flex")]
    fn project(&self, x: Tensor<2>) -> Tensor<2> {
        match [&self.query, &self.key, &self.value] {
            [Linear::Packed(q), Linear::Packed(k), Linear::Packed(v)] => {
                fused::project(x, [q, k, v].map(Arc::clone).into())
            }
            plain => Tensor::cat(plain.map(|linear| linear.forward(x.clone())).into(), 1),
        }
    }
}

/// `[rows, heads · head_dim]` → `[rows, heads, head_dim]`.
fn split_heads([q, k, v]: [Tensor<2>; 3], config: &ModelConfig) -> [Tensor<3>; 3] {
    let rows = q.dims()[0];
    let split = |x: Tensor<2>, heads: usize| x.reshape([rows, heads, config.head_dim]);
    [split(q, config.heads), split(k, config.kv_heads), split(v, config.kv_heads)]
}

fn attend_plain(
    qkv: [Tensor<3>; 3],
    layer: usize,
    caches: &mut [&mut &mut Cache],
    rows: &[usize],
    device: &Device,
) -> Tensor<2> {
    let mut start = 0;
    let mut outputs = Vec::with_capacity(rows.len());
    for (cache, &rows) in caches.iter_mut().zip(rows) {
        let part = |x: &Tensor<3>| {
            let [_, heads, width] = x.dims();
            x.clone().slice([start..start + rows, 0..heads, 0..width]).swap_dims(0, 1)
        };
        let [q, k, v] = [&qkv[0], &qkv[1], &qkv[2]].map(part);
        match &mut cache.0 {
            Store::Plain(cache) => outputs.push(attend_one(q, [k, v], layer, cache, device)),
            // `Rotation::new` takes the fused way when every cache is fused, and a decoder makes caches of one kind.
            #[cfg(feature = "flex")]
            Store::Fused(_) => {}
        }
        start += rows;
    }
    Tensor::cat(outputs, 0)
}

/// One sequence: queries `[heads, rows, head_dim]`, new keys and values `[kv_heads, rows, head_dim]`. Heads of a group are
/// laid along the rows, so that keys and values are never repeated.
fn attend_one(q: Tensor<3>, kv: [Tensor<3>; 2], layer: usize, cache: &mut PlainCache, device: &Device) -> Tensor<2> {
    let [heads, rows, width] = q.dims();
    let held = cache.len;
    let [keys, values] = cache.append(layer, kv);
    let [kv_heads, len, _] = keys.dims();
    let group = heads / kv_heads;
    let q = q.reshape([kv_heads, group * rows, width]) * (width as f64).powf(-0.5);
    let scores = q.matmul(keys.swap_dims(1, 2)).reshape([kv_heads, group, rows, len]);
    let scores = if rows > 1 { scores + causal_mask(held, rows, device) } else { scores };
    let weights = activation::softmax(scores, 3).reshape([kv_heads, group * rows, len]);
    weights.matmul(values).reshape([heads, rows, width]).swap_dims(0, 1).reshape([rows, heads * width])
}

/// `[1, 1, rows, held + rows]`: 0 where a row may look, the least finite half where it may not (an infinity would make
/// `∞ − ∞` of a fully masked row in half precision).
fn causal_mask(held: usize, rows: usize, device: &Device) -> Tensor<4> {
    let len = held + rows;
    let mask: Vec<f32> =
        (0..rows).flat_map(|row| (0..len).map(move |at| if at <= held + row { 0.0 } else { -65504.0 })).collect();
    Tensor::from_data(TensorData::new(mask, [1, 1, rows, len]), device)
}
