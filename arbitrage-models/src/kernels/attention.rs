//! Rotary encoding, append to the cache, and grouped attention, in one operation.
//!
//! The queries of a group meet each key and value once, which is read where it lies, in half precision. A row attends to its
//! own sequence up to itself; its sums run over positions in their order, so that its bits depend on nothing else.

use half::f16;

use super::activations::Pointer;
use super::isa::{InstructionSet, Isa, Kernel, LANES, LanePointer, MAX_LANES, dispatch};
use super::kv_cache::{KvCache, PAGE};
use super::pool::Pool;
use crate::math::exp;

/// Heads of an attention layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    /// Query heads.
    pub query: usize,
    /// Key and value heads; divides `query`.
    pub kv: usize,
    /// Width of a head, even.
    pub dim: usize,
}

impl Heads {
    /// Width of a row of queries, keys and values, in this order.
    fn row(self) -> usize {
        (self.query + 2 * self.kv) * self.dim
    }
}

/// Sines and cosines of the rows of a pass, `[rows][cos: dim / 2, sin: dim / 2]`.
#[derive(Debug)]
pub(crate) struct Rotation {
    table: Vec<f32>,
    dim: usize,
}

impl Rotation {
    /// Tables for rows at `positions`. Angles are computed in double precision: at position 10⁵ a single-precision angle has
    /// lost its last digits.
    pub(crate) fn new(positions: impl Iterator<Item = usize>, frequencies: &[f64]) -> Self {
        let mut table = Vec::new();
        for position in positions {
            let angles = || frequencies.iter().map(|frequency| position as f64 * frequency);
            table.extend(angles().map(|angle| angle.cos() as f32));
            table.extend(angles().map(|angle| angle.sin() as f32));
        }
        Self { table, dim: 2 * frequencies.len() }
    }

    /// Rotates a head of row `row` in the rotate-half layout and multiplies it by `scale`.
    fn rotate(&self, row: usize, head: &[f32], scale: f32, out: &mut [f32]) {
        let half = self.dim / 2;
        let (cos, sin) = self.table[row * self.dim..][..self.dim].split_at(half);
        let (first, second) = head.split_at(half);
        let (out_first, out_second) = out[..self.dim].split_at_mut(half);
        for i in 0..half {
            out_first[i] = (first[i] * cos[i] - second[i] * sin[i]) * scale;
            out_second[i] = (second[i] * cos[i] + first[i] * sin[i]) * scale;
        }
    }
}

/// Appends the new rows' keys and values to `layer` of their caches and attends.
///
/// # Shapes
/// - `qkv`: `[rows, (query + 2 · kv) · dim]`, the rows of the sequences one after the other
/// - `caches`: each sequence's cache and its number of rows, which follow what the cache holds
/// - result: `[rows, query · dim]`
pub(crate) fn attend(
    set: InstructionSet,
    pool: &Pool,
    qkv: &[f32],
    heads: Heads,
    rotation: &Rotation,
    caches: &mut [(&mut KvCache, usize)],
    layer: usize,
) -> Vec<f32> {
    append(qkv, heads, rotation, caches, layer);
    let rows: Vec<(&KvCache, usize)> =
        caches.iter().flat_map(|(cache, rows)| (0..*rows).map(|row| (&**cache, cache.len() + row + 1))).collect();
    let mut out = vec![0.0; rows.len() * heads.query * heads.dim];
    let to = Pointer(out.as_mut_ptr());
    let (group, scale) = (heads.query / heads.kv, (heads.dim as f32).powf(-0.5));
    pool.run(rows.len() * heads.kv, |task| {
        let (row, head) = (task / heads.kv, task % heads.kv);
        let (cache, len) = rows[row];
        let mut queries = vec![0.0; group * cache.width()];
        for (i, query) in queries.chunks_exact_mut(cache.width()).enumerate() {
            let from = &qkv[row * heads.row() + (head * group + i) * heads.dim..][..heads.dim];
            rotation.rotate(row, from, scale, query);
        }
        let at = (row * heads.query + head * group) * heads.dim;
        // SAFETY: each task has its own `group · dim` numbers of the output.
        let out = unsafe { std::slice::from_raw_parts_mut(to.get().add(at), group * heads.dim) };
        // SAFETY: the set is one that this processor has; the cache holds `len` positions of this layer, the newest just appended.
        unsafe { dispatch(set, AttentionTask { cache, layer, head, len, queries: &queries, group, out }) };
    });
    out
}

fn append(qkv: &[f32], heads: Heads, rotation: &Rotation, caches: &mut [(&mut KvCache, usize)], layer: usize) {
    let kv = heads.kv * heads.dim;
    let mut keys = vec![0.0; kv];
    let mut row = 0;
    for (cache, rows) in caches {
        let start = cache.len();
        for position in start..start + *rows {
            let new = &qkv[row * heads.row() + heads.query * heads.dim..][..2 * kv];
            for (head, out) in new[..kv].chunks_exact(heads.dim).zip(keys.chunks_exact_mut(heads.dim)) {
                rotation.rotate(row, head, 1.0, out);
            }
            cache.write(layer, position, &keys, &new[kv..]);
            row += 1;
        }
    }
}

/// The queries of one row that share a key head.
struct AttentionTask<'a> {
    cache: &'a KvCache,
    layer: usize,
    head: usize,
    /// Positions to attend to.
    len: usize,
    /// `[group, width]`, rotated and scaled.
    queries: &'a [f32],
    group: usize,
    /// `[group, dim]`.
    out: &'a mut [f32],
}

/// Queries that meet a key together.
const TILE: usize = 4;

impl Kernel for AttentionTask<'_> {
    #[inline(always)]
    unsafe fn run<S: Isa>(mut self) {
        let mut first = 0;
        while first < self.group {
            // SAFETY: the tile's queries exist; the caller has a processor with `S`, and a cache with `len` positions.
            unsafe {
                match self.group - first {
                    1 => self.tile::<S, 1>(first),
                    2 => self.tile::<S, 2>(first),
                    3 => self.tile::<S, 3>(first),
                    _ => self.tile::<S, TILE>(first),
                }
            }
            first += TILE;
        }
    }
}

impl AttentionTask<'_> {
    #[inline(always)]
    unsafe fn tile<S: Isa, const G: usize>(&mut self, first: usize) {
        let padded = self.len.next_multiple_of(S::LANES);
        let mut scores = vec![0.0; G * padded];
        // SAFETY: vectors start below `len` and below `width`; the caller has queries `first..first + G`, a cache with `len`
        // positions, and a processor with `S`.
        unsafe {
            let vectors = padded / S::LANES;
            for vector in (0..vectors - vectors % 2).step_by(2) {
                self.scores::<S, G, 2>(first, vector, padded, &mut scores);
            }
            if vectors % 2 == 1 {
                self.scores::<S, G, 1>(first, vectors - 1, padded, &mut scores);
            }
            let sums: [f32; G] = std::array::from_fn(|g| softmax(&mut scores[g * padded..][..self.len]));
            let (inverse, columns) = (sums.map(|sum| 1.0 / sum), self.cache.width().div_ceil(S::LANES));
            for column in (0..columns - columns % 2).step_by(2) {
                self.mix::<S, G, 2>(first, column * S::LANES, padded, &scores, inverse);
            }
            if columns % 2 == 1 {
                self.mix::<S, G, 1>(first, (columns - 1) * S::LANES, padded, &scores, inverse);
            }
        }
    }

    /// Scores of `V` vectors of positions; those past `len` are left to be ignored. Two vectors at a time hide the latency of
    /// sums that wait for each other; which sums run side by side changes none of them.
    #[inline(always)]
    unsafe fn scores<S: Isa, const G: usize, const V: usize>(
        &self,
        first: usize,
        vector: usize,
        padded: usize,
        scores: &mut [f32],
    ) {
        let width = self.cache.width();
        // A page holds a multiple of the widest vector's positions, so that the blocks of a vector lie side by side.
        let keys: [LanePointer; V] = std::array::from_fn(|v| {
            let keys = self.cache.keys(self.layer, self.head, (vector + v) * S::GROUPS);
            LanePointer::new(keys.as_ptr().cast(), LANES * width * size_of::<f16>())
        });
        // SAFETY: a block has `width` times eight keys, a query `width` numbers, and `scores` `G · padded`; the caller has a
        // processor with `S`.
        unsafe {
            let queries = self.queries.as_ptr().add(first * width);
            let mut sums = [[S::zero(); V]; G];
            for i in 0..width {
                let mut key = [S::zero(); V];
                for (key, keys) in key.iter_mut().zip(keys) {
                    *key = S::from_f16(keys.add(i * LANES * size_of::<f16>()));
                }
                for (g, sums) in sums.iter_mut().enumerate() {
                    let query = S::splat(*queries.add(g * width + i));
                    for (sum, key) in sums.iter_mut().zip(key) {
                        *sum = S::mul_add(key, query, *sum);
                    }
                }
            }
            for (g, sums) in sums.into_iter().enumerate() {
                for (v, sum) in sums.into_iter().enumerate() {
                    S::store(scores.as_mut_ptr().add(g * padded + (vector + v) * S::LANES), sum);
                }
            }
        }
    }

    /// Sums of values, weighted: `V` vectors of columns of every query of the tile at a time.
    #[inline(always)]
    unsafe fn mix<S: Isa, const G: usize, const V: usize>(
        &mut self,
        first: usize,
        column: usize,
        padded: usize,
        weights: &[f32],
        inverse: [f32; G],
    ) {
        let (width, dim) = (self.cache.width(), self.out.len() / self.group);
        // The width is a multiple of eight: the last vector of a wider set may have no more than its first eight columns.
        let apart = if column + V * S::LANES > width { 0 } else { LANES * size_of::<f16>() };
        // SAFETY: positions below `len` and the columns that are read exist; `weights` is `G · padded`; the caller has a
        // processor with `S`.
        unsafe {
            let mut sums = [[S::zero(); V]; G];
            for page in 0..self.len.div_ceil(PAGE) {
                let values = self.cache.values(self.layer, self.head, page).as_ptr().add(column);
                for slot in 0..PAGE.min(self.len - page * PAGE) {
                    let mut value = [S::zero(); V];
                    for (v, value) in value.iter_mut().enumerate() {
                        let at = values.add(slot * width + v * S::LANES);
                        // Only the last vector may be half full.
                        let apart = if v + 1 < V { LANES * size_of::<f16>() } else { apart };
                        *value = S::from_f16(LanePointer::new(at.cast(), apart));
                    }
                    for (g, sums) in sums.iter_mut().enumerate() {
                        let weight = S::splat(*weights.as_ptr().add(g * padded + page * PAGE + slot));
                        for (sum, value) in sums.iter_mut().zip(value) {
                            *sum = S::mul_add(value, weight, *sum);
                        }
                    }
                }
            }
            for (g, sums) in sums.into_iter().enumerate() {
                for (v, sum) in sums.into_iter().enumerate() {
                    let mut lanes = [0.0; MAX_LANES];
                    S::store(lanes.as_mut_ptr(), S::mul(sum, S::splat(inverse[g])));
                    let column = column + v * S::LANES;
                    let valid = S::LANES.min(dim.saturating_sub(column));
                    self.out[(first + g) * dim + column..][..valid].copy_from_slice(&lanes[..valid]);
                }
            }
        }
    }
}

/// Makes scores weights, relative to the greatest, and returns their sum. NaN stays NaN.
#[inline(always)]
fn softmax(scores: &mut [f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = scores.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            most[lane] = if chunk[lane] > most[lane] { chunk[lane] } else { most[lane] };
        }
    }
    let most = most.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0.0f32; LANES];
    for (i, score) in scores.iter_mut().enumerate() {
        let probe = *score * 0.0; // NaN where the score is not finite: `exp` would make it 0
        *score = exp(*score - most) + probe;
        sums[i % LANES] += *score;
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests;
