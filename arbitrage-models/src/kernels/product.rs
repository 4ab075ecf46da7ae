//! `y = x · Wᵀ + b`, for one row of activations or many.
//!
//! A result's bits depend on its row of weights and its row of activations alone: each is one chain of sums over the columns,
//! in their order, however many rows run beside it and whichever thread runs it. So batches, prefill and the verification of
//! a draft give exactly what decoding one token after the other gives.

use super::activations::{BLOCK, Pointer, Quantised, Tile};
use super::blocks::{Blocks, K, Q6K, Q8, Small};
use super::isa::{Isa, Kernel, LANES, Set, dispatch};
use super::matrix::PackedMatrix;
use super::pool::Pool;
use crate::weights::DType;

/// Activations, `[rows, cols]`, and what the kernels make of them: once, for all the matrices that they meet.
pub(crate) struct Input<'x> {
    x: &'x [f32],
    rows: usize,
    cols: usize,
    quantised: Option<Quantised>,
}

impl<'x> Input<'x> {
    /// Activations for `matrices`, which all have as many columns as `x` has.
    pub fn new(x: &'x [f32], matrices: &[&PackedMatrix], pool: &Pool) -> Self {
        let cols = matrices.first().map_or(1, |matrix| matrix.cols());
        assert!(matrices.iter().all(|matrix| matrix.cols() == cols), "matrices of one input differ in columns");
        assert!(x.len().is_multiple_of(cols), "{} activations are no rows of {cols}", x.len());
        let integer = matrices.iter().any(|matrix| matrix.is_integer());
        let tile = (INPUT_BYTES / cols).clamp(1, MOST_ROWS);
        Self { x, rows: x.len() / cols, cols, quantised: integer.then(|| Quantised::new(x, cols, tile, pool)) }
    }

    /// Rows of activations.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// A product's weights and where it goes.
pub(crate) struct Product<'w> {
    matrix: &'w PackedMatrix,
    bias: Option<&'w [f32]>,
    out: Pointer<f32>,
    /// Numbers from one row of the output to the next.
    stride: usize,
    len: usize,
}

impl<'w> Product<'w> {
    /// A product that fills columns `at..at + matrix.rows()` of `out`, `[rows, stride]`.
    pub fn new(matrix: &'w PackedMatrix, bias: Option<&'w [f32]>, out: &mut [f32], stride: usize, at: usize) -> Self {
        assert!(at + matrix.rows() <= stride && bias.is_none_or(|bias| bias.len() == matrix.rows()));
        let len = out.len().saturating_sub(at);
        Self { matrix, bias, out: Pointer(out.as_mut_ptr().wrapping_add(at)), stride, len }
    }
}

/// Weights of a task, in bytes: small enough for the second-level cache together with the activations that they meet, large
/// enough that taking a task costs nothing beside it.
const TASK_BYTES: usize = 96 * 1024;
/// Tasks a thread, so that one which lost its processor is not waited for.
const TASKS_A_THREAD: usize = 4;
/// Activations, in bytes, that a task keeps at hand while it passes over its weights.
const INPUT_BYTES: usize = 192 * 1024;
/// Most rows of activations that meet a sub-block of weights once it is unpacked.
const MOST_ROWS: usize = 32;

/// How far ahead of their use weights are fetched, in bytes. The processor's own fetching ahead stops at every page's end and does
/// not keep up.
const AHEAD: usize = 2048;

/// Rows, or groups of a single row, that a tile of floats holds.
const WIDE: usize = 4;

/// Takes all `products` of one input, in one parallel section.
pub(crate) fn multiply(set: Set, pool: &Pool, input: &Input<'_>, products: &[Product<'_>]) {
    let mut tasks = Vec::new();
    for product in products {
        let (rows, stride) = (input.rows, product.stride);
        assert!(rows == 0 || product.len >= (rows - 1) * stride + product.matrix.rows(), "the output is too short");
        let size = task_groups(product.matrix, pool.threads());
        let groups = product.matrix.groups();
        tasks.extend((0..groups).step_by(size).map(|from| (product, from, groups.min(from + size))));
    }
    pool.run(tasks.len(), |task| {
        let (product, from, to) = tasks[task];
        // SAFETY: lengths are checked above, groups exist, no two tasks write the same columns, and the set was detected.
        unsafe { dispatch(set, Piece { input, product, from, to }) };
    });
}

fn task_groups(matrix: &PackedMatrix, threads: usize) -> usize {
    let fair = matrix.groups().div_ceil(threads * TASKS_A_THREAD);
    (TASK_BYTES / matrix.group_bytes()).min(fair).max(1)
}

/// Groups `from..to` of a product.
#[derive(Clone, Copy)]
struct Piece<'a> {
    input: &'a Input<'a>,
    product: &'a Product<'a>,
    from: usize,
    to: usize,
}

impl Kernel for Piece<'_> {
    #[inline(always)]
    unsafe fn run<S: Isa>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.product.matrix.dtype() {
                DType::F32 => self.floats::<S, F32>(),
                DType::F16 => self.floats::<S, F16>(),
                DType::BF16 => self.floats::<S, Bf16>(),
                DType::Q8_0 => self.blocks::<S, Q8>(),
                DType::Q4_0 => self.blocks::<S, Small<false, false>>(),
                DType::Q4_1 => self.blocks::<S, Small<false, true>>(),
                DType::Q5_0 => self.blocks::<S, Small<true, false>>(),
                DType::Q5_1 => self.blocks::<S, Small<true, true>>(),
                DType::Q4K => self.blocks::<S, K<false>>(),
                DType::Q5K => self.blocks::<S, K<true>>(),
                DType::Q6K => self.blocks::<S, Q6K>(),
            }
        }
    }
}

impl Piece<'_> {
    #[inline(always)]
    unsafe fn blocks<S: Isa, B: Blocks>(self) {
        let Some(quantised) = &self.input.quantised else { return };
        for tile in quantised.tiles() {
            for group in self.from..self.to {
                let weights = self.product.matrix.group(group);
                // SAFETY: the group has as many blocks as the input has columns for, and the rows exist.
                unsafe {
                    if tile.rows == 1 {
                        let sums = sums::<S, B, 1>(weights, tile, self.input.cols);
                        self.store::<S>(sums[0], group, tile.start);
                    } else {
                        let sums = sums::<S, B, MOST_ROWS>(weights, tile, self.input.cols);
                        for (row, sums) in sums[..tile.rows].iter().enumerate() {
                            self.store::<S>(*sums, group, tile.start + row);
                        }
                    }
                }
            }
        }
    }

    /// One row of activations meets four groups of weights at a time, several rows meet two: either way eight sums or so run
    /// side by side.
    #[inline(always)]
    unsafe fn floats<S: Isa, F: Float>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            if self.input.rows == 1 {
                self.strips::<S, F, WIDE>();
            } else {
                self.strips::<S, F, 2>();
            }
        }
    }

    /// Strips of `G` groups, then what is left of them one by one.
    #[inline(always)]
    unsafe fn strips<S: Isa, F: Float, const G: usize>(self) {
        let whole = self.to - (self.to - self.from) % G;
        // SAFETY: the groups exist.
        unsafe {
            for group in (self.from..whole).step_by(G) {
                self.strip::<S, F, G>(group);
            }
            for group in whole..self.to {
                self.strip::<S, F, 1>(group);
            }
        }
    }

    /// `G` groups of weights by all rows of activations. Every tile sums a result in the same order.
    #[inline(always)]
    unsafe fn strip<S: Isa, F: Float, const G: usize>(self, group: usize) {
        let rows = self.input.rows;
        let whole = rows - rows % WIDE;
        // SAFETY: groups and rows exist.
        unsafe {
            for row in (0..whole).step_by(WIDE) {
                self.tile::<S, F, G, WIDE>(group, row);
            }
            for row in whole..rows {
                self.tile::<S, F, G, 1>(group, row);
            }
        }
    }

    /// `G` groups of weights by `R` rows of activations, with all sums in registers.
    #[inline(always)]
    unsafe fn tile<S: Isa, F: Float, const G: usize, const R: usize>(self, group: usize, row: usize) {
        let cols = self.input.cols;
        // SAFETY: groups and rows exist; each has `cols` columns.
        unsafe {
            let mut sums = [[S::zero(); R]; G];
            let x = self.input.x.as_ptr().add(row * cols);
            for column in 0..cols {
                for (g, sums) in sums.iter_mut().enumerate() {
                    let w = F::load::<S>(self.product.matrix.group(group + g).add(column * LANES * F::BYTES));
                    for (r, sum) in sums.iter_mut().enumerate() {
                        *sum = S::mul_add(w, S::splat(*x.add(r * cols + column)), *sum);
                    }
                }
            }
            for (g, sums) in sums.iter().enumerate() {
                for (r, sum) in sums.iter().enumerate() {
                    self.store::<S>(*sum, group + g, row + r);
                }
            }
        }
    }

    /// Writes the eight results of a group for one row of activations, with the bias.
    #[inline(always)]
    unsafe fn store<S: Isa>(self, sums: S::Floats, group: usize, row: usize) {
        let Product { matrix, bias, out, stride, .. } = self.product;
        let at = group * LANES;
        let valid = LANES.min(matrix.rows() - at);
        // SAFETY: the output has this row and `valid` columns from `at` on, and the bias as many.
        unsafe {
            let to = out.get().add(row * stride + at);
            if valid == LANES {
                let sums = match bias {
                    Some(bias) => S::add(sums, S::floats(bias.as_ptr().add(at))),
                    None => sums,
                };
                S::store(to, sums);
            } else {
                let mut all = [0.0; LANES];
                S::store(all.as_mut_ptr(), sums);
                for (lane, sum) in all[..valid].iter().enumerate() {
                    *to.add(lane) = sum + bias.map_or(0.0, |bias| bias[at + lane]);
                }
            }
        }
    }
}

/// Products of a group of weights with a tile of at most `R` rows of activations.
#[inline(always)]
unsafe fn sums<S: Isa, B: Blocks, const R: usize>(weights: *const u8, tile: Tile, cols: usize) -> [S::Floats; R] {
    // SAFETY: the caller has `cols / B::COLUMNS` blocks at `weights`, and the rows exist.
    unsafe {
        let mut sums = [S::zero(); R];
        let (mut a, mut info) = (tile.bytes, tile.info);
        let sub_bytes = B::BYTES * BLOCK / B::COLUMNS;
        for block in 0..cols / B::COLUMNS {
            let at = weights.add(block * B::BYTES);
            let head = B::head::<S>(at);
            for index in 0..B::COLUMNS / BLOCK {
                let ahead = at.wrapping_add(AHEAD + index * sub_bytes);
                for line in 0..sub_bytes.div_ceil(64) {
                    S::prefetch(ahead.wrapping_add(line * 64));
                }
                let sub = B::unpack::<S>(at, head, index);
                if R == 1 {
                    sums[0] = B::accumulate::<S>(&sub, a, &*info, sums[0]);
                } else {
                    for (row, sums) in sums.iter_mut().enumerate().take(tile.rows) {
                        *sums = B::accumulate::<S>(&sub, a.add(row * BLOCK), &*info.add(row), *sums);
                    }
                }
                a = a.add(tile.rows * BLOCK);
                info = info.add(tile.rows);
            }
        }
        sums
    }
}

/// A float format of weights.
trait Float {
    const BYTES: usize;
    unsafe fn load<S: Isa>(at: *const u8) -> S::Floats;
}

struct F32;
struct F16;
struct Bf16;

impl Float for F32 {
    const BYTES: usize = 4;
    #[inline(always)]
    unsafe fn load<S: Isa>(at: *const u8) -> S::Floats {
        // SAFETY: the caller has eight numbers at `at`. So below.
        unsafe { S::floats(at.cast()) }
    }
}

impl Float for F16 {
    const BYTES: usize = 2;
    #[inline(always)]
    unsafe fn load<S: Isa>(at: *const u8) -> S::Floats {
        // SAFETY: see above.
        unsafe { S::from_f16(at) }
    }
}

impl Float for Bf16 {
    const BYTES: usize = 2;
    #[inline(always)]
    unsafe fn load<S: Isa>(at: *const u8) -> S::Floats {
        // SAFETY: see above.
        unsafe { S::from_bf16(at) }
    }
}

#[cfg(test)]
mod tests;
