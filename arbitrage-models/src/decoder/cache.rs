//! Keys and values of one sequence.

#[cfg(feature = "flex")]
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;

use super::Precision;
use crate::config::ModelConfig;
#[cfg(feature = "flex")]
use crate::kernels::KvCache;

/// Keys and values of one sequence, for all layers. Rolling back is a [`truncate`](Self::truncate): what follows is
/// overwritten by the next pass.
pub struct Cache(pub(super) Store);

pub(super) enum Store {
    Plain(PlainCache),
    #[cfg(feature = "flex")]
    Fused(Arc<Mutex<KvCache>>),
}

/// Preallocated tensors, `[kv_heads, capacity, head_dim]` a layer for keys and for values, written in place and grown by
/// doubling.
pub(super) struct PlainCache {
    pub layers: Vec<Option<[Tensor<3>; 2]>>,
    pub len: usize,
}

impl Cache {
    pub(super) fn new(config: &ModelConfig, precision: Precision) -> Self {
        match precision {
            Precision::Plain => {
                Self(Store::Plain(PlainCache { layers: (0..config.layers).map(|_| None).collect(), len: 0 }))
            }
            #[cfg(feature = "flex")]
            Precision::Packed => {
                let cache = KvCache::new(config.layers, config.kv_heads, config.head_dim);
                Self(Store::Fused(Arc::new(Mutex::new(cache))))
            }
        }
    }

    /// A cache of its own of the first `len` positions, or of all that are held: where a second sequence begins as this one.
    /// On the processor, pages that neither has written to since are held once.
    pub fn fork(&self, len: usize) -> Self {
        match &self.0 {
            Store::Plain(cache) => {
                Self(Store::Plain(PlainCache { layers: cache.layers.clone(), len: cache.len.min(len) }))
            }
            #[cfg(feature = "flex")]
            Store::Fused(cache) => {
                let fork = cache.lock().unwrap_or_else(PoisonError::into_inner).fork(len);
                Self(Store::Fused(Arc::new(Mutex::new(fork))))
            }
        }
    }

    /// Positions held.
    pub fn len(&self) -> usize {
        match &self.0 {
            Store::Plain(cache) => cache.len,
            #[cfg(feature = "flex")]
            Store::Fused(cache) => cache.lock().unwrap_or_else(PoisonError::into_inner).len(),
        }
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all but the first `len` positions. A longer `len` than is held changes nothing.
    pub fn truncate(&mut self, len: usize) {
        match &mut self.0 {
            Store::Plain(cache) => cache.len = cache.len.min(len),
            #[cfg(feature = "flex")]
            Store::Fused(cache) => cache.lock().unwrap_or_else(PoisonError::into_inner).truncate(len),
        }
    }
}

impl PlainCache {
    /// Writes `new` keys and values, `[kv_heads, rows, head_dim]` each, after the held positions of `layer`, and returns
    /// all of them, `[kv_heads, len + rows, head_dim]`.
    pub fn append(&mut self, layer: usize, new: [Tensor<3>; 2]) -> [Tensor<3>; 2] {
        let [heads, rows, width] = new[0].dims();
        let end = self.len + rows;
        let held = self.layers[layer].take();
        let capacity = held.as_ref().map_or(0, |[keys, _]| keys.dims()[1]);
        let mut stored = match held {
            Some(pair) if capacity >= end => pair,
            held => grow(held, [heads, end.next_power_of_two().max(64), width], self.len, &new[0]),
        };
        for (stored, new) in stored.iter_mut().zip(new) {
            *stored = stored.clone().slice_assign([0..heads, self.len..end, 0..width], new);
        }
        let all = stored.clone().map(|tensor| tensor.slice([0..heads, 0..end, 0..width]));
        self.layers[layer] = Some(stored);
        all
    }
}

fn grow(held: Option<[Tensor<3>; 2]>, shape: [usize; 3], len: usize, like: &Tensor<3>) -> [Tensor<3>; 2] {
    let empty = || -> Tensor<3> { Tensor::<3>::zeros(shape, &like.device()).cast(like.dtype()) };
    match held {
        None => [empty(), empty()],
        Some(pair) => pair.map(|old| {
            let kept = [0..shape[0], 0..len, 0..shape[2]];
            empty().slice_assign(kept.clone(), old.slice(kept))
        }),
    }
}
