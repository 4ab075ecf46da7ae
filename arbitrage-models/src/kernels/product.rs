//! `y = x · Wᵀ + b`, for one row of activations or many.
//!
//! A result's bits depend on its row of weights and its row of activations alone: each is one chain of sums over the columns,
//! in their order, however many rows run beside it and whichever thread runs it. So batches, prefill and the verification of
//! a draft give exactly what decoding one token after the other gives.

mod floats;
mod tiled;

use super::activations::{BLOCK, BlockScale, Pointer, Quantised, Tile};
use super::blocks::{BlockFormat, Iq4, KQuant, LegacyQuant, MIDDLE, MINIMUM, Q2K, Q3K, Q6K, Q8, SubBlock, ZERO};
use super::isa::{InstructionSet, Isa, Kernel, LANES, LanePointer, MAX_LANES, dispatch, dispatch_tiles};
use super::matrix::PackedMatrix;
use super::pool::Pool;
use crate::weights::DType;
use floats::{Bf16, F16, F32};
use tiled::TiledTask;

/// Activations, `[rows, cols]`, and what the kernels make of them: once, for all the matrices that they meet.
pub(crate) struct ProductInput<'x> {
    x: &'x [f32],
    rows: usize,
    cols: usize,
    quantised: Option<Quantised>,
}

impl<'x> ProductInput<'x> {
    /// Activations for `matrices`, which all have as many columns as `x` has.
    pub(crate) fn new(set: InstructionSet, pool: &Pool, x: &'x [f32], matrices: &[&PackedMatrix]) -> Self {
        let cols = matrices.first().map_or(1, |matrix| matrix.cols());
        assert!(matrices.iter().all(|matrix| matrix.cols() == cols), "matrices of one input differ in columns");
        assert!(x.len().is_multiple_of(cols), "{} activations are no rows of {cols}", x.len());
        let integer = matrices.iter().any(|matrix| matrix.is_integer());
        let rows = x.len() / cols;
        let tile = if matrices.iter().any(|matrix| tiled::pays(set, matrix.dtype(), rows)) {
            tiled::input_rows(rows, cols)
        } else {
            (INPUT_BYTES / cols).clamp(1, MAX_TILE_ROWS)
        };
        Self { x, rows, cols, quantised: integer.then(|| Quantised::new(set, pool, x, cols, tile)) }
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
    pub(crate) fn new(
        matrix: &'w PackedMatrix,
        bias: Option<&'w [f32]>,
        out: &mut [f32],
        stride: usize,
        at: usize,
    ) -> Self {
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
/// Rows of activations that meet a group of weights while it is in the first-level cache.
const MAX_TILE_ROWS: usize = 32;
/// Rows of activations that meet a sub-block of weights once it is unpacked: as many sums as fit into registers beside it.
const REGISTER_ROWS: usize = 8;

/// How far ahead of their use weights are fetched, in bytes. The processor's own fetching ahead stops at every page's end and does
/// not keep up.
const AHEAD: usize = 2048;

/// Takes all `products` of one input, in one parallel section.
pub(crate) fn multiply(set: InstructionSet, pool: &Pool, input: &ProductInput<'_>, products: &[Product<'_>]) {
    let mut tasks = Vec::new();
    for product in products {
        let (rows, stride) = (input.rows, product.stride);
        assert!(rows == 0 || product.len >= (rows - 1) * stride + product.matrix.rows(), "the output is too short");
        let size = task_groups(product.matrix, pool.threads());
        let groups = product.matrix.groups();
        tasks.extend((0..groups).step_by(size).map(|from| ProductTask {
            input,
            product,
            from,
            to: groups.min(from + size),
        }));
    }
    pool.run(tasks.len(), |task| {
        let task = tasks[task];
        let by_tiles = tiled::pays(set, task.product.matrix.dtype(), input.rows);
        // SAFETY: the set is one that this processor has. The output's length is checked above, a task's groups exist, and no
        // two tasks write the same columns.
        unsafe { if by_tiles { dispatch_tiles(set, TiledTask(task)) } else { dispatch(set, task) } };
    });
}

/// Groups of a task; even, so that vectors which span two groups are full.
fn task_groups(matrix: &PackedMatrix, threads: usize) -> usize {
    // A thread that is alone has nobody to share with, and products with floats are faster in wide strips.
    let tasks = if threads == 1 { 1 } else { threads * TASKS_A_THREAD };
    let fair = matrix.groups().div_ceil(tasks);
    (TASK_BYTES / matrix.group_bytes()).min(fair).next_multiple_of(2).max(2)
}

/// Groups `from..to` of a product.
#[derive(Clone, Copy)]
struct ProductTask<'a> {
    input: &'a ProductInput<'a>,
    product: &'a Product<'a>,
    from: usize,
    to: usize,
}

impl Kernel for ProductTask<'_> {
    #[inline(always)]
    unsafe fn run<S: Isa>(self) {
        // SAFETY: `multiply` made the task; its groups exist, the output has room for them, and the processor has `S`.
        unsafe {
            match self.product.matrix.dtype() {
                DType::F32 => self.floats::<S, F32>(),
                DType::F16 => self.floats::<S, F16>(),
                DType::BF16 => self.floats::<S, Bf16>(),
                DType::Q8_0 => self.blocks::<S, Q8>(),
                DType::Q4_0 => self.blocks::<S, LegacyQuant<false, MIDDLE>>(),
                DType::Q4_1 => self.blocks::<S, LegacyQuant<false, MINIMUM>>(),
                DType::Q5_0 => self.blocks::<S, LegacyQuant<true, MIDDLE>>(),
                DType::Q5_1 => self.blocks::<S, LegacyQuant<true, MINIMUM>>(),
                DType::Int4 => self.blocks::<S, LegacyQuant<false, ZERO>>(),
                DType::Iq4Nl => self.blocks::<S, Iq4<false>>(),
                DType::Iq4Xs => self.blocks::<S, Iq4<true>>(),
                DType::Q2K => self.blocks::<S, Q2K>(),
                DType::Q3K => self.blocks::<S, Q3K>(),
                DType::Q4K => self.blocks::<S, KQuant<false>>(),
                DType::Q5K => self.blocks::<S, KQuant<true>>(),
                DType::Q6K => self.blocks::<S, Q6K>(),
            }
        }
    }
}

impl ProductTask<'_> {
    #[inline(always)]
    unsafe fn blocks<S: Isa, B: BlockFormat>(self) {
        let Some(quantised) = &self.input.quantised else { return };
        for tile in quantised.tiles() {
            for group in (self.from..self.to).step_by(S::GROUPS) {
                let weights = self.product.matrix.group(group);
                // SAFETY: each group has as many blocks as the input has columns for, and rows `row..row + 8`, or to the end,
                // are the tile's. The caller has a processor with `S`, and an output with room for the task's groups.
                unsafe {
                    let mut row = 0;
                    while tile.rows - row >= REGISTER_ROWS {
                        let sums = sums::<S, B, REGISTER_ROWS>(weights, tile, row, self.input.cols);
                        self.store_rows::<S>(&sums, group, tile.start + row);
                        row += REGISTER_ROWS;
                    }
                    match tile.rows - row {
                        0 => {}
                        1 => self.store_rows::<S>(
                            &sums::<S, B, 1>(weights, tile, row, self.input.cols),
                            group,
                            tile.start + row,
                        ),
                        rest => {
                            let sums = sums_of_some::<S, B>(weights, tile, row, self.input.cols);
                            self.store_rows::<S>(&sums[..rest], group, tile.start + row);
                        }
                    }
                }
            }
        }
    }

    /// Writes the results of the groups from `group` on for the rows of activations from `row` on.
    #[inline(always)]
    unsafe fn store_rows<S: Isa>(self, sums: &[S::Floats], group: usize, row: usize) {
        for (at, sums) in sums.iter().enumerate() {
            // SAFETY: the caller has these rows in the output, with room for the task's groups, and a processor with `S`.
            unsafe { self.store::<S>(*sums, group, row + at) };
        }
    }

    /// Writes the results of the groups from `group` on for one row of activations, with the bias. Lanes past the task's groups
    /// or the matrix's rows are dropped.
    #[inline(always)]
    unsafe fn store<S: Isa>(self, sums: S::Floats, group: usize, row: usize) {
        let Product { matrix, bias, out, stride, .. } = self.product;
        let at = group * LANES;
        let valid = S::LANES.min(matrix.rows() - at).min((self.to - group) * LANES);
        // SAFETY: the caller has an output with this row, in which `valid` columns from `at` on are the task's; the bias has
        // as many. The processor has `S`.
        unsafe {
            let to = out.get().add(row * stride + at);
            if valid == S::LANES {
                let sums = match bias {
                    Some(bias) => {
                        let bias = LanePointer::new(bias.as_ptr().add(at).cast(), LANES * size_of::<f32>());
                        S::add(sums, S::floats(bias))
                    }
                    None => sums,
                };
                S::store(to, sums);
            } else {
                let mut all = [0.0; MAX_LANES];
                S::store(all.as_mut_ptr(), sums);
                for (lane, sum) in all[..valid].iter().enumerate() {
                    *to.add(lane) = sum + bias.map_or(0.0, |bias| bias[at + lane]);
                }
            }
        }
    }
}

/// Products of a vector's rows of weights with the `R` rows of a tile from `row` on, whose sums stay in registers.
#[inline(always)]
unsafe fn sums<S: Isa, B: BlockFormat, const R: usize>(
    weights: LanePointer,
    tile: Tile,
    row: usize,
    cols: usize,
) -> [S::Floats; R] {
    // SAFETY: the caller has `cols / B::COLUMNS` blocks a group at `weights`, a tile with as many columns and these rows, and a
    // processor with `S`.
    unsafe {
        let mut sums = [S::zero(); R];
        for_each_sub_block::<S, B>(weights, tile, row, cols, |sub, a, scales| {
            for (row, sums) in sums.iter_mut().enumerate() {
                *sums = sub.accumulate(a.add(row * BLOCK), &*scales.add(row), *sums);
            }
        });
        sums
    }
}

/// The same for the rest of a tile: fewer than [`REGISTER_ROWS`], which leave the end of the result zero.
#[inline(always)]
unsafe fn sums_of_some<S: Isa, B: BlockFormat>(
    weights: LanePointer,
    tile: Tile,
    row: usize,
    cols: usize,
) -> [S::Floats; REGISTER_ROWS] {
    // SAFETY: the caller has `cols / B::COLUMNS` blocks a group at `weights`, a tile with as many columns and these rows, and a
    // processor with `S`.
    unsafe {
        let mut sums = [S::zero(); REGISTER_ROWS];
        for_each_sub_block::<S, B>(weights, tile, row, cols, |sub, a, scales| {
            for (at, sums) in sums.iter_mut().enumerate().take(tile.rows - row) {
                *sums = sub.accumulate(a.add(at * BLOCK), &*scales.add(at), *sums);
            }
        });
        sums
    }
}

/// Calls `work` with each sub-block of weights, and with the activations that it meets and their scales: those of row `row` of
/// the tile, which the other rows' follow.
#[inline(always)]
unsafe fn for_each_sub_block<S: Isa, B: BlockFormat>(
    weights: LanePointer,
    tile: Tile,
    row: usize,
    cols: usize,
    mut work: impl FnMut(&B::SubBlock<S>, *const i8, *const BlockScale),
) {
    // SAFETY: the caller has `cols / B::COLUMNS` blocks a group at `weights`, a tile with as many columns and this row, and a
    // processor with `S`.
    unsafe {
        let (mut a, mut scales) = (tile.bytes.add(row * BLOCK), tile.scales.add(row));
        let sub_bytes = B::BYTES * BLOCK / B::COLUMNS;
        for block in 0..cols / B::COLUMNS {
            let at = weights.add(block * B::BYTES);
            let header = B::header::<S>(at);
            for index in 0..B::COLUMNS / BLOCK {
                // The first rows of a tile bring the weights into the caches.
                if row == 0 {
                    let ahead = at.add(AHEAD + index * sub_bytes);
                    for line in 0..sub_bytes.div_ceil(64) {
                        S::prefetch(ahead.add(line * 64));
                    }
                }
                work(&B::unpack::<S>(at, header, index), a, scales);
                a = a.wrapping_add(tile.rows * BLOCK);
                scales = scales.wrapping_add(tile.rows);
            }
        }
    }
}

#[cfg(test)]
mod tests;
