//! Keys and values of one sequence, in half precision, page by page.

use std::sync::Arc;

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::isa::LANES;

/// Positions of a page.
pub(super) const PAGE: usize = 64;

/// Keys and values of one sequence for all layers. Pages of 64 positions are added as they are needed: nothing is copied when
/// the sequence grows, and less than a page a layer is allocated and not used. A fork shares the pages; a shared page is copied
/// before either of the two writes to it.
///
/// # Shapes
/// A page's keys are laid out `[kv_heads][8][head_dim][8 positions]`, as the products of a query with eight positions want
/// them, its values `[kv_heads][64 positions][head_dim]`. `head_dim` is filled up to a multiple of eight with zeros.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<Vec<Arc<[f16]>>>,
    kv_heads: usize,
    head_dim: usize,
    /// `head_dim`, rounded up to a multiple of eight.
    width: usize,
    len: usize,
}

impl KvCache {
    /// An empty cache.
    pub fn new(layers: usize, kv_heads: usize, head_dim: usize) -> Self {
        let width = head_dim.next_multiple_of(LANES);
        Self { layers: vec![Vec::new(); layers], kv_heads, head_dim, width, len: 0 }
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
        self.layers.iter().flatten().map(|page| std::mem::size_of_val(&page[..])).sum()
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
    pub(super) fn write(&mut self, layer: usize, position: usize, keys: &[f32], values: &[f32]) {
        let (page, slot) = (position / PAGE, position % PAGE);
        let (kv_heads, head_dim, width) = (self.kv_heads, self.head_dim, self.width);
        let pages = &mut self.layers[layer];
        while pages.len() <= page {
            pages.push(vec![f16::ZERO; 2 * kv_heads * PAGE * width].into());
        }
        let (to_keys, to_values) = Arc::make_mut(&mut pages[page]).split_at_mut(kv_heads * PAGE * width);
        let mut narrow = vec![f16::ZERO; head_dim];
        for head in 0..kv_heads {
            let from = head * head_dim..(head + 1) * head_dim;
            narrow.convert_from_f32_slice(&keys[from.clone()]);
            let block = (head * PAGE + slot / LANES * LANES) * width + slot % LANES;
            for (i, key) in narrow.iter().enumerate() {
                to_keys[block + i * LANES] = *key;
            }
            let to = &mut to_values[(head * PAGE + slot) * width..][..head_dim];
            to.convert_from_f32_slice(&values[from]);
        }
    }

    /// Eight positions' keys of a head: `[width][8]`, from `block · 8` on.
    pub(super) fn keys(&self, layer: usize, head: usize, block: usize) -> &[f16] {
        let (page, block) = (block / (PAGE / LANES), block % (PAGE / LANES));
        &self.layers[layer][page][(head * PAGE + block * LANES) * self.width..][..LANES * self.width]
    }

    /// A page's values of a head: `[64][width]`, from position `page · 64` on.
    pub(super) fn values(&self, layer: usize, head: usize, page: usize) -> &[f16] {
        &self.layers[layer][page][(self.kv_heads + head) * PAGE * self.width..][..PAGE * self.width]
    }

    /// Width of a head as it is stored.
    pub(super) fn width(&self) -> usize {
        self.width
    }
}
