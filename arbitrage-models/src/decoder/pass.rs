//! One forward pass over several sequences: their caches, how many rows each has, and the operations that attend.

use super::Span;
use super::backbone::Backbone;
use super::batched_attention::BatchedAttention;
use super::cache::{Cache, CacheStorage, Caches};
#[cfg(feature = "flex")]
use super::fused;
use crate::error::{Error, Result};

/// A pass that is under way: its caches grow once it is complete.
pub(super) struct Pass<'s, 'c> {
    caches: Vec<&'s mut &'c mut Cache>,
    rows: Vec<usize>,
    pub attention: AttentionBackend,
}

/// Which operations compute attention.
#[cfg_attr(feature = "flex", expect(clippy::large_enum_variant, reason = "a pass has one of them"))]
pub(super) enum AttentionBackend {
    /// burn's own, on any device.
    Plain(BatchedAttention),
    /// The processor's kernel.
    #[cfg(feature = "flex")]
    Fused(fused::AttentionBatch),
}

impl<'s, 'c> Pass<'s, 'c> {
    /// A pass over `spans`, whose tokens follow those in their caches.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a cache that another decoder made.
    pub(super) fn new(spans: &'s mut [Span<'c>], backbone: &Backbone) -> Result<Self> {
        let rows: Vec<usize> = spans.iter().map(|span| span.tokens.len()).collect();
        let mut caches: Vec<_> = spans.iter_mut().map(|span| &mut span.cache).collect();
        let attention = AttentionBackend::new(&mut caches, &rows, backbone).ok_or_else(foreign_cache)?;
        Ok(Self { caches, rows, attention })
    }

    /// Counts the rows of this pass as cached, after the last layer has written them.
    pub(super) fn advance(&mut self) {
        for (cache, &rows) in self.caches.iter_mut().zip(&self.rows) {
            match &mut cache.0 {
                CacheStorage::Plain(cache) => cache.len += rows,
                #[cfg(feature = "flex")]
                CacheStorage::Fused(cache) => fused::lock(cache).advance(rows),
            }
        }
    }
}

impl AttentionBackend {
    /// The operations that the backbone's caches are made for; `None` where one of `caches` is another decoder's.
    fn new(caches: &mut [&mut &mut Cache], rows: &[usize], backbone: &Backbone) -> Option<Self> {
        match &backbone.caches {
            Caches::Plain(slots) => {
                let slot = |cache: &mut &mut &mut Cache| match &mut cache.0 {
                    CacheStorage::Plain(cache) => cache.slot(slots).map(|slot| (slot, cache.len)),
                    #[cfg(feature = "flex")]
                    CacheStorage::Fused(_) => None,
                };
                let cached: Option<Vec<_>> = caches.iter_mut().map(slot).collect();
                Some(Self::Plain(BatchedAttention::new(slots.clone(), &cached?, rows, backbone)))
            }
            #[cfg(feature = "flex")]
            Caches::Fused(_) => {
                let fused = |cache: &&mut &mut Cache| match &cache.0 {
                    CacheStorage::Fused(cache) => Some(cache.clone()),
                    CacheStorage::Plain(_) => None,
                };
                let caches = caches.iter().map(fused).collect::<Option<Vec<_>>>()?;
                Some(Self::Fused(fused::AttentionBatch::new(caches, rows, &backbone.config, &backbone.frequencies)))
            }
        }
    }
}

fn foreign_cache() -> Error {
    let expected = "a cache that this decoder made".to_owned();
    Error::Parameter { name: "cache", expected, found: "a cache of another decoder".to_owned() }
}
