//! Keys and values of one sequence.

#[cfg(feature = "flex")]
use std::sync::{Arc, Mutex, PoisonError};

use super::options::{LoadOptions, Precision};
use super::slots::{SharedSlots, Slot};
use crate::config::ModelConfig;
use crate::error::Result;
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

/// A place among the decoder's other sequences, from the first pass on.
pub(super) struct PlainCache {
    slots: SharedSlots,
    slot: Option<Slot>,
    pub len: usize,
}

/// Which caches a decoder makes.
pub(super) enum Caches {
    /// Places in what its sequences share.
    Plain(SharedSlots),
    /// The processor's kernels', each by itself; this is the empty one.
    #[cfg(feature = "flex")]
    Fused(KvCache),
}

impl Caches {
    /// Those of a decoder of this shape.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) where the device lacks half precision that is asked for.
    pub fn new(config: &ModelConfig, options: &LoadOptions) -> Result<Self> {
        let LoadOptions { device, precision, .. } = options;
        Ok(match precision {
            Precision::Plain | Precision::Half => {
                Self::Plain(SharedSlots::new(config, precision.dtype(device)?, device))
            }
            #[cfg(feature = "flex")]
            Precision::Packed => Self::Fused(KvCache::new(config.layers, config.kv_heads, config.head_dim)),
        })
    }

    /// An empty one.
    pub fn empty(&self) -> Cache {
        Cache(match self {
            Self::Plain(slots) => Store::Plain(PlainCache { slots: slots.clone(), slot: None, len: 0 }),
            #[cfg(feature = "flex")]
            Self::Fused(empty) => Store::Fused(Arc::new(Mutex::new(empty.fork(0)))),
        })
    }
}

impl Cache {
    /// A cache of its own of the first `len` positions, or of all that are held: where a second sequence begins as this one.
    /// On the processor, pages that neither has written to since are held once.
    pub fn fork(&self, len: usize) -> Self {
        match &self.0 {
            Store::Plain(cache) => {
                let len = cache.len.min(len);
                let slot = cache.slot.as_ref().filter(|_| len > 0).map(|slot| slot.copy(len));
                Self(Store::Plain(PlainCache { slots: cache.slots.clone(), slot, len }))
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
    /// The sequence's place, which is taken now if it has none; `None` where it is not among `slots`.
    pub fn slot(&mut self, slots: &SharedSlots) -> Option<usize> {
        self.slots.are(slots).then(|| self.slot.get_or_insert_with(|| slots.take()).index)
    }
}
