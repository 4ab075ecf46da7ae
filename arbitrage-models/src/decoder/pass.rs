//! The sequences of one forward pass: whose rows are whose, and where each stands.

#[cfg(feature = "flex")]
use std::sync::Arc;

use super::Span;
use super::body::Body;
use super::cache::{Cache, Caches, Store};
#[cfg(feature = "flex")]
use super::fused;
use super::plain::PlainPass;
use crate::error::{Error, Result};

/// One pass, until its caches are advanced.
pub(super) struct Pass<'s, 'c> {
    caches: Vec<&'s mut &'c mut Cache>,
    rows: Vec<usize>,
    pub way: Way,
}

/// Which operations attend.
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
pub(super) enum Way {
    /// burn's, on any device.
    Plain(PlainPass),
    /// The processor's kernel.
    #[cfg(feature = "flex")]
    Fused(Arc<fused::Batch>),
}

impl<'s, 'c> Pass<'s, 'c> {
    /// A pass over `spans`, after what their caches hold.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a cache that another decoder made.
    pub fn new(spans: &'s mut [Span<'c>], body: &Body) -> Result<Self> {
        let rows: Vec<usize> = spans.iter().map(|span| span.tokens.len()).collect();
        let mut caches: Vec<_> = spans.iter_mut().map(|span| &mut span.cache).collect();
        let way = Way::of(&mut caches, &rows, body).ok_or_else(foreign)?;
        Ok(Self { caches, rows, way })
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

impl Way {
    /// The way of the body's own caches; `None` for others.
    fn of(caches: &mut [&mut &mut Cache], rows: &[usize], body: &Body) -> Option<Self> {
        match &body.caches {
            Caches::Plain(slots) => {
                let slot = |cache: &mut &mut &mut Cache| match &mut cache.0 {
                    Store::Plain(cache) => cache.slot(slots).map(|slot| (slot, cache.len)),
                    #[cfg(feature = "flex")]
                    Store::Fused(_) => None,
                };
                let held: Option<Vec<_>> = caches.iter_mut().map(slot).collect();
                Some(Self::Plain(PlainPass::new(slots.clone(), &held?, rows, body)))
            }
            #[cfg(feature = "flex")]
            Caches::Fused(_) => {
                let fused = |cache: &&mut &mut Cache| match &cache.0 {
                    Store::Fused(cache) => Some(cache.clone()),
                    Store::Plain(_) => None,
                };
                let caches = caches.iter().map(fused).collect::<Option<Vec<_>>>()?;
                Some(Self::Fused(Arc::new(fused::Batch::new(caches, rows, &body.config, &body.frequencies))))
            }
        }
    }
}

fn foreign() -> Error {
    let expected = "a cache that this decoder made".to_owned();
    Error::Parameter { name: "cache", expected, found: "another decoder's".to_owned() }
}
