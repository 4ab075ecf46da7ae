//! Products with weights in floating point.

use super::{AHEAD, ProductTask};
use crate::kernels::isa::{Isa, LANES, LanePointer};

/// Rows of activations from which on weights are widened to single precision once for all of a block's rows, not once for each few.
const WIDENED_FROM: usize = 16;
/// Tiles of rows that meet widened weights.
const BLOCK_TILES: usize = 8;
/// Columns that are widened together: with two vectors of 16 lanes, half of a first-level cache of 32 KB.
const WIDENED_COLUMNS: usize = 128;

impl ProductTask<'_> {
    /// Enough sums run side by side to hide that each waits for the one before it. Few rows of activations meet four vectors of weights
    /// at a time, more meet two; 512-bit sets have registers for the sums of eight rows, the others for those of four.
    #[inline(always)]
    pub(super) unsafe fn floats<S: Isa, F: FloatFormat>(self) {
        // SAFETY: the caller has a processor with `S`, and an output with room for the task's groups.
        unsafe {
            match self.input.rows {
                1 => self.strips::<S, F, 4, 1>(),
                2 | 3 => self.strips::<S, F, 4, 2>(),
                _ if S::GROUPS == 1 => self.strips::<S, F, 2, 4>(),
                _ => self.strips::<S, F, 2, 8>(),
            }
        }
    }

    /// Strips of `V` vectors, then what is left of them one by one.
    #[inline(always)]
    unsafe fn strips<S: Isa, F: FloatFormat, const V: usize, const R: usize>(self) {
        let whole = self.to - (self.to - self.from) % (V * S::GROUPS);
        // SAFETY: all groups are the task's. The caller has a processor with `S`, and an output with room for them.
        unsafe {
            for group in (self.from..whole).step_by(V * S::GROUPS) {
                self.strip::<S, F, V, R>(group);
            }
            for group in (whole..self.to).step_by(S::GROUPS) {
                self.strip::<S, F, 1, R>(group);
            }
        }
    }

    /// `V` vectors of weights by all rows of activations: `R` at a time, then what is left in tiles of fewer. Every tile sums a result
    /// in the same order.
    #[inline(always)]
    unsafe fn strip<S: Isa, F: FloatFormat, const V: usize, const R: usize>(self, group: usize) {
        // SAFETY: the input has these rows. The caller has a processor with `S`, and `V` vectors of groups of the task.
        unsafe {
            let mut row = 0;
            if self.input.rows >= WIDENED_FROM && F::BYTES < size_of::<f32>() {
                while self.input.rows - row >= R {
                    row = self.widened::<S, F, V, R>(group, row);
                }
            }
            row = self.tiles::<S, F, V, R>(group, row);
            if R > 4 {
                row = self.tiles::<S, F, V, 4>(group, row);
            }
            if R > 2 {
                row = self.tiles::<S, F, V, 2>(group, row);
            }
            if R > 1 {
                self.tiles::<S, F, V, 1>(group, row);
            }
        }
    }

    /// As many tiles of `R` rows from `row` on as a block has; returns the first row behind them. Each result is summed in the order of
    /// [`tile`](Self::tile).
    #[inline(always)]
    unsafe fn widened<S: Isa, F: FloatFormat, const V: usize, const R: usize>(self, group: usize, row: usize) -> usize {
        let cols = self.input.cols;
        let tiles = BLOCK_TILES.min((self.input.rows - row) / R);
        // SAFETY: the caller has `R` rows of `cols` activations from `row` on, `V` vectors of groups of the task, which have as many
        // columns, and a processor with `S`.
        unsafe {
            let mut sums = [[[S::zero(); R]; V]; BLOCK_TILES];
            let mut wide = [[S::zero(); V]; WIDENED_COLUMNS];
            for first in (0..cols).step_by(WIDENED_COLUMNS) {
                let columns = WIDENED_COLUMNS.min(cols - first);
                for (column, wide) in wide[..columns].iter_mut().enumerate() {
                    let offset = (first + column) * LANES * F::BYTES;
                    for (v, wide) in wide.iter_mut().enumerate() {
                        let weights = self.product.matrix.group(group + v * S::GROUPS).add(offset);
                        if row == 0 && offset.is_multiple_of(64) {
                            S::prefetch(weights.add(AHEAD));
                        }
                        *wide = F::load::<S>(weights);
                    }
                }
                for (tile, sums) in sums[..tiles].iter_mut().enumerate() {
                    let x = self.input.x.as_ptr().add((row + tile * R) * cols + first);
                    *sums = add_products::<S, V, R>(&wide[..columns], x, cols, *sums);
                }
            }
            for (tile, sums) in sums[..tiles].iter().enumerate() {
                for (v, sums) in sums.iter().enumerate() {
                    self.store_rows::<S>(sums, group + v * S::GROUPS, row + tile * R);
                }
            }
        }
        row + tiles * R
    }

    /// Tiles of `R` rows from `row` on, as long as there are as many; returns the first row that is left.
    #[inline(always)]
    unsafe fn tiles<S: Isa, F: FloatFormat, const V: usize, const R: usize>(self, group: usize, row: usize) -> usize {
        let end = row + (self.input.rows - row) / R * R;
        for row in (row..end).step_by(R) {
            // SAFETY: the input has these rows. The caller has a processor with `S`, and `V` vectors of groups of the task.
            unsafe { self.tile::<S, F, V, R>(group, row) };
        }
        end
    }

    /// `V` vectors of weights by `R` rows of activations, with all sums in registers.
    #[inline(always)]
    unsafe fn tile<S: Isa, F: FloatFormat, const V: usize, const R: usize>(self, group: usize, row: usize) {
        let cols = self.input.cols;
        // SAFETY: the caller has `R` rows of `cols` activations from `row` on, `V` vectors of groups of the task, which have
        // as many columns, and a processor with `S`.
        unsafe {
            let mut sums = [[S::zero(); R]; V];
            let x = self.input.x.as_ptr().add(row * cols);
            for column in 0..cols {
                let offset = column * LANES * F::BYTES;
                for (v, sums) in sums.iter_mut().enumerate() {
                    let weights = self.product.matrix.group(group + v * S::GROUPS).add(offset);
                    // The first rows bring the weights into the caches, a cache line at a time.
                    if row == 0 && offset.is_multiple_of(64) {
                        S::prefetch(weights.add(AHEAD));
                    }
                    let w = F::load::<S>(weights);
                    for (r, sum) in sums.iter_mut().enumerate() {
                        *sum = S::mul_add(w, S::splat(*x.add(r * cols + column)), *sum);
                    }
                }
            }
            for (v, sums) in sums.iter().enumerate() {
                self.store_rows::<S>(sums, group + v * S::GROUPS, row);
            }
        }
    }
}

/// Adds the products of `V` vectors of weights with `R` rows of activations at `x`, which lie `stride` apart, to `sums`.
#[inline(always)]
unsafe fn add_products<S: Isa, const V: usize, const R: usize>(
    weights: &[[S::Floats; V]],
    x: *const f32,
    stride: usize,
    mut sums: [[S::Floats; R]; V],
) -> [[S::Floats; R]; V] {
    for (column, weights) in weights.iter().enumerate() {
        for (w, sums) in weights.iter().zip(&mut sums) {
            for (r, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the caller has as many activations of `R` rows at `x` as there are columns, and a processor with `S`.
                *sum = unsafe { S::mul_add(*w, S::splat(*x.add(r * stride + column)), *sum) };
            }
        }
    }
    sums
}

/// A float format of weights.
pub(super) trait FloatFormat {
    const BYTES: usize;
    /// Eight numbers a group.
    ///
    /// # Safety
    /// `at` points to eight numbers of this format in each group that `S` spans; the processor has `S`.
    unsafe fn load<S: Isa>(at: LanePointer) -> S::Floats;
}

pub(super) struct F32;
pub(super) struct F16;
pub(super) struct Bf16;

impl FloatFormat for F32 {
    const BYTES: usize = 4;
    #[inline(always)]
    unsafe fn load<S: Isa>(at: LanePointer) -> S::Floats {
        // SAFETY: the caller has eight numbers a group at `at`, and the processor has `S`.
        unsafe { S::floats(at) }
    }
}

impl FloatFormat for F16 {
    const BYTES: usize = 2;
    #[inline(always)]
    unsafe fn load<S: Isa>(at: LanePointer) -> S::Floats {
        // SAFETY: the caller has eight numbers a group at `at`, and the processor has `S`.
        unsafe { S::from_f16(at) }
    }
}

impl FloatFormat for Bf16 {
    const BYTES: usize = 2;
    #[inline(always)]
    unsafe fn load<S: Isa>(at: LanePointer) -> S::Floats {
        // SAFETY: the caller has eight numbers a group at `at`, and the processor has `S`.
        unsafe { S::from_bf16(at) }
    }
}
