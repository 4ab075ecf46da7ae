//! The rows of one sequence that attend together with one key head.
//!
//! A page's keys are widened to single precision once for all queries of the block, then its values. Scores are kept for all positions,
//! so that the softmax is that of the definition, with the greatest score known, and sums run over positions in their order.

use std::ops::Range;

use super::super::isa::{Isa, Kernel, MAX_LANES};
use super::super::kv_cache::{KvCache, PAGE};
use super::softmax::softmax;
use super::tiles::{VECTORS, match_tile, mix_tile, score_tile, tiles};
use super::{AttentionLayer, Heads};

/// Numbers between the scores of two queries beyond those of their pages: a distance that is no power of two, so that the scores of
/// several queries do not throw each other out of the caches.
const APART: usize = 16;

/// The rows of one sequence that attend together with one key head.
#[derive(Clone, Copy)]
pub(super) struct RowBlock<'a> {
    pub cache: &'a KvCache,
    pub layer: AttentionLayer<'a>,
    pub heads: Heads,
    pub kv_head: usize,
    /// The first row's index in the pass.
    pub row: usize,
    pub rows: usize,
    /// Positions up to the first row, itself included; there is one more for each row after it.
    pub len: usize,
}

/// What is done with a block. Parts of one kind may run at the same time; the kinds follow each other in this order.
#[derive(Clone)]
pub(super) enum BlockPart {
    /// Everything.
    All,
    /// Queries are rotated and scaled.
    Queries,
    /// Scores of the positions in these pages, counted from the block's first.
    Scores(Range<usize>),
    /// Scores of these queries become weights.
    Weights(Range<usize>),
    /// Weighted sums of these vectors of columns of the values.
    Values(Range<usize>),
}

/// Intermediate results of a block, in this order; queries are counted row by row.
struct BlockBuffers {
    /// `[queries][width]`.
    queries: *mut f32,
    /// `[queries][stride]`.
    scores: *mut f32,
    /// `[queries]`: what the weights' sum is divided by, inverted.
    inverse: *mut f32,
    /// `[queries][columns]`.
    sums: *mut f32,
}

impl RowBlock<'_> {
    /// Query heads of a key head.
    fn group(&self) -> usize {
        self.heads.query / self.heads.kv
    }

    pub(super) fn queries(&self) -> usize {
        self.rows * self.group()
    }

    /// The row of the pass, and the query head, of a query.
    fn row_and_head(&self, query: usize) -> (usize, usize) {
        (self.row + query / self.group(), self.kv_head * self.group() + query % self.group())
    }

    /// The positions that a row attends to.
    fn attended(&self, row: usize) -> Range<usize> {
        let end = self.len + row;
        end.saturating_sub(self.layer.window)..end
    }

    /// The end of the positions that the last row attends to.
    fn end(&self) -> usize {
        self.len + self.rows - 1
    }

    /// The page of the first position that is attended to.
    fn first_page(&self) -> usize {
        self.attended(0).start / PAGE
    }

    /// The position whose score comes first.
    fn origin(&self) -> usize {
        self.first_page() * PAGE
    }

    /// Pages from the first position that is attended to on.
    pub(super) fn pages(&self) -> usize {
        self.end().div_ceil(PAGE) - self.first_page()
    }

    /// The rows that attend to any of these positions.
    fn rows_at(&self, positions: &Range<usize>) -> Range<usize> {
        let first = (positions.start + 1).saturating_sub(self.len).min(self.rows);
        let end = positions.end.saturating_add(self.layer.window).saturating_sub(self.len).min(self.rows);
        first..end.max(first)
    }

    fn width(&self) -> usize {
        self.cache.shape().width
    }

    /// Columns of the values, filled up to whole vectors of every set.
    fn columns(&self) -> usize {
        self.width().next_multiple_of(MAX_LANES)
    }

    fn stride(&self) -> usize {
        self.pages() * PAGE + APART
    }

    /// Numbers of its intermediate results.
    pub(super) fn floats(&self) -> usize {
        self.queries() * (self.width() + self.stride() + 1 + self.columns())
    }

    /// Numbers of a page's keys, or values, in single precision.
    pub(super) fn page_floats(&self) -> usize {
        PAGE * self.columns()
    }

    fn buffers(&self, start: *mut f32) -> BlockBuffers {
        let queries = self.queries();
        let scores = start.wrapping_add(queries * self.width());
        let inverse = scores.wrapping_add(queries * self.stride());
        BlockBuffers { queries: start, scores, inverse, sums: inverse.wrapping_add(queries) }
    }
}

/// A part of the work on a block.
pub(super) struct BlockTask<'a> {
    pub block: RowBlock<'a>,
    pub part: BlockPart,
    pub qkv: &'a [f32],
    /// [`RowBlock::floats`] numbers, which all parts of the block share.
    pub buffers: *mut f32,
    /// [`RowBlock::page_floats`] numbers, which are this task's alone.
    pub page: *mut f32,
    /// The results of the whole pass, of which a block writes its rows' and heads' own.
    pub out: *mut f32,
}

/// # Safety
/// The pointers are as their fields say; the parts before this one are done; no part that runs at the same time has the same page,
/// query or columns; the cache holds the positions of this layer that the rows attend to.
impl Kernel for BlockTask<'_> {
    #[inline(always)]
    unsafe fn run<S: Isa>(self) {
        let buffers = self.block.buffers(self.buffers);
        let vectors = 0..self.block.heads.dim.div_ceil(S::LANES);
        // SAFETY: the caller upholds what each part asks for: it is what the implementation's own conditions say.
        unsafe {
            match self.part.clone() {
                BlockPart::All => {
                    self.rotate(&buffers);
                    self.scores::<S>(&buffers, 0..self.block.pages());
                    self.weights(&buffers, 0..self.block.queries());
                    self.values::<S>(&buffers, vectors);
                }
                BlockPart::Queries => self.rotate(&buffers),
                BlockPart::Scores(pages) => self.scores::<S>(&buffers, pages),
                BlockPart::Weights(queries) => self.weights(&buffers, queries),
                BlockPart::Values(columns) => {
                    let end = columns.end.div_ceil(S::LANES).min(vectors.end);
                    self.values::<S>(&buffers, columns.start / S::LANES..end);
                }
            }
        }
    }
}

impl BlockTask<'_> {
    #[inline(always)]
    unsafe fn rotate(&self, buffers: &BlockBuffers) {
        let (block, dim, width) = (&self.block, self.block.heads.dim, self.block.width());
        for query in 0..block.queries() {
            let (row, head) = block.row_and_head(query);
            // SAFETY: the query has `width` numbers in the buffer.
            let out = unsafe { std::slice::from_raw_parts_mut(buffers.queries.add(query * width), width) };
            let head = &self.qkv[row * block.heads.row() + head * dim..][..dim];
            block.layer.rotate(row, head, block.heads.scale, &mut out[..dim]);
            out[dim..].fill(0.0);
        }
    }

    #[inline(always)]
    unsafe fn scores<S: Isa>(&self, buffers: &BlockBuffers, pages: Range<usize>) {
        let (block, width, stride) = (&self.block, self.block.width(), self.block.stride());
        let first = block.first_page();
        let pages = first + pages.start..first + pages.end;
        for page in pages.clone() {
            let start = page * PAGE;
            let slots = PAGE.min(block.end() - start);
            let rows = block.rows_at(&(start..start + slots));
            for slot in (0..slots).step_by(VECTORS * S::LANES) {
                // SAFETY: the slots lie inside the page, whose size is a multiple of the vectors' together; a query has `width` numbers,
                // and scores for whole pages.
                unsafe {
                    let (keys, shape) = (block.cache.page(block.layer.index, page), block.cache.shape());
                    let next = self.following(page * PAGE + slot + VECTORS * S::LANES, pages.end);
                    keys.keys::<S, VECTORS>(shape, block.kv_head, slot, next, self.page);
                    for (query, tile) in tiles::<S>(rows.start * block.group()..rows.end * block.group()) {
                        let queries = buffers.queries.add(query * width);
                        let scores = buffers.scores.add(query * stride + start - block.origin() + slot);
                        match_tile!(tile, score_tile::<S>(self.page, queries, width, scores, stride));
                    }
                }
            }
        }
    }

    /// Where the keys at `position` lie, unless they are those of page `end`.
    #[inline(always)]
    fn following(&self, position: usize, end: usize) -> *const u8 {
        let (cache, page) = (self.block.cache, (position / PAGE).min(end - 1));
        cache.page(self.block.layer.index, page).keys_at(cache.shape(), self.block.kv_head, position % PAGE)
    }

    /// Scores become weights; the inverses of their sums are kept.
    #[inline(always)]
    unsafe fn weights(&self, buffers: &BlockBuffers, queries: Range<usize>) {
        for query in queries {
            let attended = self.block.attended(query / self.block.group());
            // SAFETY: the query has scores of all positions that it attends to.
            unsafe {
                let scores = buffers.scores.add(query * self.block.stride() + attended.start - self.block.origin());
                let scores = std::slice::from_raw_parts_mut(scores, attended.len());
                *buffers.inverse.add(query) = 1.0 / softmax(scores);
            }
        }
    }

    #[inline(always)]
    unsafe fn values<S: Isa>(&self, buffers: &BlockBuffers, vectors: Range<usize>) {
        let (block, group) = (&self.block, self.block.group());
        // SAFETY: the caller has the buffers of this block.
        unsafe {
            self.clear::<S>(buffers, &vectors);
            let end = block.first_page() + block.pages();
            for page in block.first_page()..end {
                let start = page * PAGE;
                let slots = PAGE.min(block.end() - start);
                let [values, next] =
                    [page, (page + 1).min(end - 1)].map(|page| block.cache.page(block.layer.index, page));
                let (shape, head) = (block.cache.shape(), block.kv_head);
                values.values::<S>(shape, head, slots, vectors.clone(), next.values_at(shape, head), self.page);
                // Rows that attend to the same part of the page, most often to all of it, meet it together.
                let rows = block.rows_at(&(start..start + slots));
                let part = |row| {
                    let attended = block.attended(row);
                    attended.start.max(start)..attended.end.min(start + slots)
                };
                let mut row = rows.start;
                while row < rows.end {
                    let positions = part(row);
                    let end = (row + 1..rows.end).find(|&next| part(next) != positions).unwrap_or(rows.end);
                    self.mix::<S>(buffers, start, &positions, &vectors, row * group..end * group);
                    row = end;
                }
            }
            self.finish::<S>(buffers, &vectors);
        }
    }

    #[inline(always)]
    unsafe fn clear<S: Isa>(&self, buffers: &BlockBuffers, vectors: &Range<usize>) {
        for query in 0..self.block.queries() {
            for vector in vectors.clone() {
                // SAFETY: the query has sums for whole vectors.
                unsafe { S::store(buffers.sums.add(query * self.block.columns() + vector * S::LANES), S::zero()) };
            }
        }
    }

    /// Adds the values at `positions` of the page that begins at position `start`, weighted, to the sums of `queries`.
    #[inline(always)]
    unsafe fn mix<S: Isa>(
        &self,
        buffers: &BlockBuffers,
        start: usize,
        positions: &Range<usize>,
        vectors: &Range<usize>,
        queries: Range<usize>,
    ) {
        let (stride, columns, row) = (self.block.stride(), self.block.columns(), vectors.len() * S::LANES);
        let (slots, first) = (positions.len(), positions.start - start);
        // SAFETY: the page has rows of the vectors for all positions; each query has weights for them, and sums for whole vectors.
        unsafe {
            for vector in (0..vectors.len()).step_by(VECTORS) {
                for (query, tile) in tiles::<S>(queries.clone()) {
                    let weights = buffers.scores.add(query * stride + positions.start - self.block.origin());
                    let values = self.page.add(first * row + vector * S::LANES);
                    let sums = buffers.sums.add(query * columns + (vectors.start + vector) * S::LANES);
                    if vector + VECTORS <= vectors.len() {
                        match_tile!(tile, mix_tile::<S, VECTORS>(values, row, slots, weights, stride, sums, columns));
                    } else {
                        match_tile!(tile, mix_tile::<S, 1>(values, row, slots, weights, stride, sums, columns));
                    }
                }
            }
        }
    }

    /// Divides the sums by those of the weights.
    #[inline(always)]
    unsafe fn finish<S: Isa>(&self, buffers: &BlockBuffers, vectors: &Range<usize>) {
        let (block, dim) = (&self.block, self.block.heads.dim);
        let columns = vectors.start * S::LANES..dim.min(vectors.end * S::LANES);
        for query in 0..block.queries() {
            let (row, head) = block.row_and_head(query);
            // SAFETY: the query has an inverse and `dim` sums, and a place in the output that no other task writes to.
            unsafe {
                let inverse = *buffers.inverse.add(query);
                let sums = buffers.sums.add(query * block.columns() + columns.start);
                let out = self.out.add((row * block.heads.query + head) * dim + columns.start);
                for column in 0..columns.len() {
                    *out.add(column) = *sums.add(column) * inverse;
                }
            }
        }
    }
}
