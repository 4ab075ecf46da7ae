//! Keys and values of one sequence.

use std::fmt;
#[cfg(feature = "flex")]
use std::sync::{Arc, Mutex, PoisonError};

use super::options::{LoadOptions, Precision};
use super::slots::{SharedSlots, Slot};
use crate::config::ModelConfig;
use crate::error::{Error, Result};
#[cfg(feature = "flex")]
use crate::kernels::{CachePrecision, KvCache};

/// Keys and values of one sequence, for all layers. Rolling back is a [`truncate`](Self::truncate): what follows is
/// overwritten by the next pass.
pub struct Cache(pub(super) CacheStorage);

pub(super) enum CacheStorage {
    Plain(PlainCache),
    #[cfg(feature = "flex")]
    Fused(Arc<Mutex<KvCache>>),
}

/// A slot among those of the decoder's other sequences, which the first pass takes.
pub(super) struct PlainCache {
    slots: SharedSlots,
    slot: Option<Slot>,
    pub len: usize,
}

/// Which caches a decoder makes.
pub(super) enum Caches {
    /// Slots of tensors that all sequences share.
    Plain(SharedSlots),
    /// Those of the processor's kernels, one a sequence; this one is empty and gives the shape.
    #[cfg(feature = "flex")]
    Fused(KvCache),
}

impl Caches {
    /// Caches for a decoder of this shape.
    ///
    /// # Errors
    /// [`Error::Device`] where the device lacks half precision that is asked for; [`Error::Parameter`] for 8-bit caches without packed
    /// weights.
    pub(super) fn new(config: &ModelConfig, options: &LoadOptions) -> Result<Self> {
        let LoadOptions { device, precision, int8_cache, .. } = options;
        if *int8_cache && precision.is_plain() {
            let expected = "packed weights on the processor, with which alone caches may have 8 bits".to_owned();
            return Err(Error::Parameter {
                name: "int8_cache",
                expected,
                found: format!("{precision:?} on {device:?}"),
            });
        }
        Ok(match precision {
            Precision::Plain | Precision::Half => {
                Self::Plain(SharedSlots::new(config, precision.dtype(device)?, device))
            }
            #[cfg(feature = "flex")]
            Precision::Packed => {
                let cache = KvCache::new(config.layers, config.kv_heads, config.head_dim);
                let precision = if *int8_cache { CachePrecision::Int8 } else { CachePrecision::Half };
                Self::Fused(cache.with_precision(precision))
            }
        })
    }

    /// An empty one.
    pub(super) fn empty(&self) -> Cache {
        Cache(match self {
            Self::Plain(slots) => CacheStorage::Plain(PlainCache { slots: slots.clone(), slot: None, len: 0 }),
            #[cfg(feature = "flex")]
            Self::Fused(empty) => CacheStorage::Fused(Arc::new(Mutex::new(empty.fork(0)))),
        })
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Cache {
    /// A cache of its own of the first `len` positions, or of all if there are fewer: for a second sequence with the same
    /// beginning. On the processor, the two share pages until one of them writes to a page.
    pub fn fork(&self, len: usize) -> Self {
        match &self.0 {
            CacheStorage::Plain(cache) => {
                let len = cache.len.min(len);
                let slot = cache.slot.as_ref().filter(|_| len > 0).map(|slot| slot.copy(len));
                Self(CacheStorage::Plain(PlainCache { slots: cache.slots.clone(), slot, len }))
            }
            #[cfg(feature = "flex")]
            CacheStorage::Fused(cache) => {
                let fork = cache.lock().unwrap_or_else(PoisonError::into_inner).fork(len);
                Self(CacheStorage::Fused(Arc::new(Mutex::new(fork))))
            }
        }
    }

    /// Cached positions.
    pub fn len(&self) -> usize {
        match &self.0 {
            CacheStorage::Plain(cache) => cache.len,
            #[cfg(feature = "flex")]
            CacheStorage::Fused(cache) => cache.lock().unwrap_or_else(PoisonError::into_inner).len(),
        }
    }

    /// Whether no position is cached.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all but the first `len` positions. Nothing changes if no more are cached.
    pub fn truncate(&mut self, len: usize) {
        match &mut self.0 {
            CacheStorage::Plain(cache) => cache.len = cache.len.min(len),
            #[cfg(feature = "flex")]
            CacheStorage::Fused(cache) => cache.lock().unwrap_or_else(PoisonError::into_inner).truncate(len),
        }
    }
}

impl PlainCache {
    /// The sequence's slot, which is taken now if it has none; `None` if the cache does not belong to `slots`.
    pub(super) fn slot(&mut self, slots: &SharedSlots) -> Option<usize> {
        self.slots.is_same(slots).then(|| self.slot.get_or_insert_with(|| slots.take()).index)
    }
}
