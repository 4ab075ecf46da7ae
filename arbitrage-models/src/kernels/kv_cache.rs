//! Keys and values of one sequence, page by page, in half precision or in 8 bits.

mod page;

use std::sync::Arc;

use super::isa::LANES;

pub(super) use page::{KvPage, PAGE, PageShape, floats};

/// How keys and values are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CachePrecision {
    /// In half precision.
    #[default]
    Half,
    /// In 8 bits, with a scale for every 32 columns of a head at a position: 9/16 of the memory, and less precise.
    Int8,
}

/// Keys and values of one sequence for all layers. Pages of 64 positions are added as they are needed: nothing is copied when
/// the sequence grows, and less than a page a layer is allocated and not used. A fork shares the pages; a shared page is copied
/// before either of the two writes to it.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<Vec<Arc<KvPage>>>,
    shape: PageShape,
    precision: CachePrecision,
    len: usize,
}

impl KvCache {
    /// An empty cache in half precision.
    pub fn new(layers: usize, kv_heads: usize, head_dim: usize) -> Self {
        let shape = PageShape { kv_heads, head_dim, width: head_dim.next_multiple_of(LANES) };
        Self { layers: vec![Vec::new(); layers], shape, precision: CachePrecision::Half, len: 0 }
    }

    /// An empty cache of the same shape that keeps keys and values with `precision`.
    pub fn with_precision(self, precision: CachePrecision) -> Self {
        Self { layers: vec![Vec::new(); self.layers.len()], precision, len: 0, ..self }
    }

    /// A separate cache of the first `len` positions, or of all if there are fewer.
    pub fn fork(&self, len: usize) -> Self {
        let len = len.min(self.len);
        let layers = self.layers.iter().map(|pages| pages.iter().take(len.div_ceil(PAGE)).cloned().collect()).collect();
        Self { layers, len, ..*self }
    }

    /// Cached positions.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no position is cached.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes allocated; shared pages count in each cache that has them.
    pub fn bytes(&self) -> usize {
        self.layers.iter().flatten().map(|page| page.bytes()).sum()
    }

    /// Forgets all but the first `len` positions. The next pass overwrites what follows; its pages stay allocated.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Counts `rows` more positions as cached, after they were written in every layer.
    pub fn advance(&mut self, rows: usize) {
        self.len += rows;
    }

    /// Writes the keys and values of one position of `layer`, `[kv_heads · head_dim]` each.
    #[inline(always)]
    pub(super) fn write(&mut self, layer: usize, position: usize, keys: &[f32], values: &[f32]) {
        let (shape, pages) = (self.shape, &mut self.layers[layer]);
        while pages.len() <= position / PAGE {
            pages.push(Arc::new(KvPage::new(shape, self.precision)));
        }
        let page = Arc::make_mut(&mut pages[position / PAGE]);
        let heads = keys.chunks_exact(shape.head_dim).zip(values.chunks_exact(shape.head_dim));
        for (head, (key, value)) in heads.enumerate() {
            page.write(shape, head, position % PAGE, key, value);
        }
    }

    /// A page of `layer`: positions from `page · 64` on.
    pub(super) fn page(&self, layer: usize, page: usize) -> &KvPage {
        &self.layers[layer][page]
    }

    /// What its pages have in common.
    pub(super) fn shape(&self) -> PageShape {
        self.shape
    }
}
