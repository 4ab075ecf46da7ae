//! Rotary encoding, append to the cache, and grouped attention, in one operation.
//!
//! Rows of a sequence attend in blocks, each with one key head: keys and values are widened to single precision once for all queries of
//! a block. A row attends to its own sequence up to itself; its sums run over positions in their order, so that its bits depend on
//! nothing else.

mod block;
mod scratch;
mod softmax;
mod tiles;

use std::ops::Range;

use super::activations::Pointer;
use super::isa::{InstructionSet, Isa, Kernel, dispatch};
use super::kv_cache::KvCache;
use super::pool::{Pool, SHARED_WORK};
use block::{BlockPart, BlockTask, RowBlock};
use scratch::AttentionScratch;

/// Rows of a block at most.
const BLOCK_ROWS: usize = 16;
/// Scores of a block at most, unless it has one row: as many as fit the second-level cache of a processor core.
const BLOCK_SCORES: usize = 128 * 1024;
/// Columns of the values that a task sums where a block is divided: a cache line of each position.
const TASK_COLUMNS: usize = 32;

/// Heads of an attention layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    /// Query heads.
    pub query: usize,
    /// Key and value heads; divides `query`.
    pub kv: usize,
    /// Width of a head, even.
    pub dim: usize,
    /// What products of queries and keys are multiplied by.
    pub scale: f32,
}

/// What differs between the layers of a pass.
#[derive(Clone, Copy)]
pub(crate) struct AttentionLayer<'a> {
    /// Its number.
    pub index: usize,
    /// How queries and keys are rotated, if they are.
    pub rotation: Option<&'a Rotation>,
    /// To how many positions a row attends, itself included; at least 1.
    pub window: usize,
}

impl AttentionLayer<'_> {
    /// Rotates a head of row `row`, if the layer does, and multiplies it by `scale`.
    #[inline(always)]
    fn rotate(&self, row: usize, head: &[f32], scale: f32, out: &mut [f32]) {
        match self.rotation {
            Some(rotation) => rotation.rotate(row, head, scale, out),
            None => out.iter_mut().zip(head).for_each(|(out, x)| *out = x * scale),
        }
    }
}

impl Heads {
    /// Width of a row of queries, keys and values, in this order.
    pub(crate) fn row(self) -> usize {
        (self.query + 2 * self.kv) * self.dim
    }
}

/// Sines and cosines of the rows of a pass, `[rows][cos: width / 2, sin: width / 2]`.
#[derive(Debug)]
pub(crate) struct Rotation {
    table: Vec<f32>,
    /// How many numbers of a head rotate, the first ones.
    width: usize,
}

impl Rotation {
    /// Tables for rows at `positions`, all numbers multiplied by `magnitude`. Angles are computed in double precision: at position 10⁵ a single-precision angle has
    /// lost its last digits.
    pub(crate) fn new(positions: impl Iterator<Item = usize>, frequencies: &[f64], magnitude: f64) -> Self {
        let mut table = Vec::new();
        for position in positions {
            let angles = || frequencies.iter().map(|frequency| position as f64 * frequency);
            table.extend(angles().map(|angle| (angle.cos() * magnitude) as f32));
            table.extend(angles().map(|angle| (angle.sin() * magnitude) as f32));
        }
        Self { table, width: 2 * frequencies.len() }
    }

    /// Rotates the first numbers of a head of row `row` in the rotate-half layout and multiplies the whole head by `scale`.
    #[inline(always)]
    fn rotate(&self, row: usize, head: &[f32], scale: f32, out: &mut [f32]) {
        let half = self.width / 2;
        let (cos, sin) = self.table[row * self.width..][..self.width].split_at(half);
        let (head, rest) = head.split_at(self.width);
        let (first, second) = head.split_at(half);
        let (out, out_rest) = out.split_at_mut(self.width);
        out_rest.iter_mut().zip(rest).for_each(|(out, x)| *out = x * scale);
        let (out_first, out_second) = out.split_at_mut(half);
        for i in 0..half {
            out_first[i] = (first[i] * cos[i] - second[i] * sin[i]) * scale;
            out_second[i] = (second[i] * cos[i] + first[i] * sin[i]) * scale;
        }
    }
}

/// Counts pages, queries or columns of a block.
type Count = fn(&RowBlock<'_>) -> usize;

/// How the work of a layer is divided among threads; the results are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Division {
    /// The caller does all.
    Alone,
    /// A task for each block.
    Blocks,
    /// Several tasks for each block, in three sections: scores by pages, weights by queries, values by columns.
    Parts,
}

impl Division {
    /// The best for so many blocks and products of numbers.
    fn of(blocks: usize, work: usize, threads: usize) -> Self {
        match () {
            () if threads == 1 || work < SHARED_WORK => Self::Alone,
            // Three sections take three times as long to start.
            () if blocks < threads && work >= 4 * SHARED_WORK => Self::Parts,
            () => Self::Blocks,
        }
    }
}

/// Appends the new rows' keys and values to a layer of their caches and attends.
///
/// # Shapes
/// - `qkv`: `[rows, (query + 2 · kv) · dim]`, the rows of the sequences one after the other
/// - `caches`: each sequence's cache and its number of rows, which follow what the cache holds
/// - `out`: `[rows, query · dim]`
pub(crate) fn attend(
    set: InstructionSet,
    pool: &Pool,
    qkv: &[f32],
    heads: Heads,
    layer: AttentionLayer<'_>,
    caches: &mut [(&mut KvCache, usize)],
    out: &mut [f32],
) {
    append(set, qkv, heads, layer, caches);
    let pass = AttentionPass { set, qkv, heads, caches, layer };
    let division = Division::of(pass.blocks(), pass.work(), pool.threads());
    pass.run(pool, division, out);
}

/// Appends keys and values of new rows.
fn append(
    set: InstructionSet,
    qkv: &[f32],
    heads: Heads,
    layer: AttentionLayer<'_>,
    caches: &mut [(&mut KvCache, usize)],
) {
    let mut row = 0;
    for (cache, rows) in caches {
        let task = AppendTask { cache, rows: *rows, qkv, heads, first: row, layer };
        // SAFETY: the set is one that this processor has.
        unsafe { dispatch(set, task) };
        row += *rows;
    }
}

/// The new rows of one sequence, the first of which is row `first` of the pass.
struct AppendTask<'a> {
    cache: &'a mut KvCache,
    rows: usize,
    qkv: &'a [f32],
    heads: Heads,
    first: usize,
    layer: AttentionLayer<'a>,
}

impl Kernel for AppendTask<'_> {
    #[inline(always)]
    unsafe fn run<S: Isa>(self) {
        let Self { cache, rows, qkv, heads, first, layer } = self;
        let (kv, start) = (heads.kv * heads.dim, cache.len());
        AttentionScratch::Page.with(kv, |keys| {
            // SAFETY: the buffer has `kv` numbers.
            let keys = unsafe { std::slice::from_raw_parts_mut(keys, kv) };
            for row in 0..rows {
                let new = &qkv[(first + row) * heads.row() + heads.query * heads.dim..][..2 * kv];
                for (head, out) in new[..kv].chunks_exact(heads.dim).zip(keys.chunks_exact_mut(heads.dim)) {
                    layer.rotate(first + row, head, 1.0, out);
                }
                cache.write(layer.index, start + row, keys, &new[kv..]);
            }
        });
    }
}

/// A pass over one layer, whose keys and values are in the caches.
struct AttentionPass<'a, 'c> {
    set: InstructionSet,
    qkv: &'a [f32],
    heads: Heads,
    caches: &'a [(&'c mut KvCache, usize)],
    layer: AttentionLayer<'a>,
}

impl AttentionPass<'_, '_> {
    /// Rows of a block of a sequence, and the number of its blocks, as even as they can be.
    fn rows_a_block(&self, cache: &KvCache, rows: usize) -> (usize, usize) {
        let positions = (cache.len() + rows).min(self.layer.window.saturating_add(rows));
        let scores = positions * self.heads.query / self.heads.kv;
        let most = (BLOCK_SCORES / scores.max(1)).clamp(1, BLOCK_ROWS);
        let each = rows.div_ceil(rows.div_ceil(most).max(1)).max(1);
        (each, rows.div_ceil(each))
    }

    fn blocks(&self) -> usize {
        self.caches.iter().map(|(cache, rows)| self.rows_a_block(cache, *rows).1 * self.heads.kv).sum()
    }

    /// Products of numbers, about.
    fn work(&self) -> usize {
        let positions: usize =
            self.caches.iter().map(|(cache, rows)| rows * (cache.len() + rows).min(self.layer.window)).sum();
        2 * positions * self.heads.query * self.heads.dim
    }

    /// Block `index`; those of one sequence follow each other, the longest first, so that no thread begins a long one at the end.
    fn block(&self, mut index: usize) -> Option<RowBlock<'_>> {
        let Self { heads, layer, .. } = *self;
        let mut row = 0;
        for (cache, rows) in self.caches {
            let (each, count) = self.rows_a_block(cache, *rows);
            if index < count * heads.kv {
                let start = (count - 1 - index / heads.kv) * each;
                let (kv_head, rows, len) = (index % heads.kv, each.min(rows - start), cache.len() + start + 1);
                return Some(RowBlock { cache, layer, heads, kv_head, row: row + start, rows, len });
            }
            index -= count * heads.kv;
            row += rows;
        }
        None
    }

    fn run(&self, pool: &Pool, division: Division, out: &mut [f32]) {
        let out = Pointer(out.as_mut_ptr());
        let whole = |index| {
            let Some(block) = self.block(index) else { return };
            AttentionScratch::Buffers.with(block.floats(), |buffers| self.part(block, BlockPart::All, buffers, &out));
        };
        match division {
            Division::Alone => (0..self.blocks()).for_each(whole),
            Division::Blocks => pool.run(self.blocks(), whole),
            Division::Parts => self.run_parts(pool, &out),
        }
    }

    /// Does the parts of all blocks, each kind in a section of its own. Every score, weight and sum is computed by one task, in the same
    /// order as without division.
    fn run_parts(&self, pool: &Pool, out: &Pointer<f32>) {
        let blocks: Vec<RowBlock<'_>> = (0..self.blocks()).filter_map(|index| self.block(index)).collect();
        let floats = blocks.iter().map(RowBlock::floats).max().unwrap_or(0);
        AttentionScratch::Buffers.with(floats * blocks.len(), |buffers| {
            let buffers = Pointer(buffers);
            // A section that divides `total(block)` of each block in pieces of `size`.
            let section = |total: Count, size: usize, part: fn(Range<usize>) -> BlockPart| {
                let pieces = blocks.iter().map(|block| total(block).div_ceil(size)).max().unwrap_or(0);
                pool.run(blocks.len() * pieces, |task| {
                    let (index, start) = (task / pieces, task % pieces * size);
                    let block = blocks[index];
                    let end = total(&block).min(start + size);
                    if start < end {
                        let buffers = buffers.get().wrapping_add(index * floats);
                        self.part(block, part(start..end), buffers, out);
                    }
                });
            };
            let pages: usize = blocks.iter().map(RowBlock::pages).sum();
            blocks.iter().enumerate().for_each(|(index, block)| {
                self.part(*block, BlockPart::Queries, buffers.get().wrapping_add(index * floats), out);
            });
            section(|block| block.pages(), pages.div_ceil(4 * pool.threads()).max(1), BlockPart::Scores);
            section(|block| block.queries(), 1, BlockPart::Weights);
            section(|block| block.heads.dim, TASK_COLUMNS, BlockPart::Values);
        });
    }

    fn part(&self, block: RowBlock<'_>, part: BlockPart, buffers: *mut f32, out: &Pointer<f32>) {
        let Self { set, qkv, .. } = *self;
        AttentionScratch::Page.with(block.page_floats(), |page| {
            let task = BlockTask { block, part, qkv, buffers, page, out: out.get() };
            // SAFETY: the set is one that this processor has. The buffers are large enough for the block, and are those of no other; the
            // page is this thread's. Parts of a block that run together share neither pages, queries nor columns, and blocks neither rows
            // nor heads. The cache holds the positions that the rows attend to, the newest just appended.
            unsafe { dispatch(set, task) };
        });
    }
}

#[cfg(test)]
mod tests;
