//! Activations as the integer kernels take them.

pub(super) use super::isa::BLOCK;
use super::isa::{InstructionSet, Isa, Kernel, dispatch};
use super::pool::Pool;

/// Rows a task of a parallel quantisation.
const ROWS_A_TASK: usize = 8;

/// The scale of a block of 32 activations, and sums that are needed for every row of weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub(super) struct BlockScale {
    /// A byte stands for `byte · scale`.
    pub scale: f32,
    /// `scale` times the sum of bytes 0–15, and of bytes 16–31: what a weight's offset is multiplied with.
    pub half_sums: [f32; 2],
    /// `scale` times the sum of all bytes.
    pub sum: f32,
    /// The sum of all bytes.
    pub byte_sum: i32,
}

/// Rows of activations in 8 bits, with a scale every 32 columns. Finer than llama.cpp's (256 columns for the K formats): the
/// largest activations of a block ruin the precision of its others, and an integer product costs the same either way.
///
/// # Shapes
/// Rows come in tiles, the last of them perhaps smaller. A tile is laid out `[blocks][rows of the tile][32]`, so that the rows which
/// meet one block of weights lie side by side, and a tile lies in one piece: with all rows of a long prompt side by side, the
/// blocks of a tile would lie a power of two apart and throw each other out of the caches.
pub(super) struct Quantised {
    rows: usize,
    blocks: usize,
    tile: usize,
    bytes: Vec<i8>,
    scales: Vec<BlockScale>,
}

/// Rows that are laid out together.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// The first row.
    pub start: usize,
    /// How many.
    pub rows: usize,
    /// The first row's first block; the next row's follows it.
    pub bytes: *const i8,
    /// Likewise.
    pub scales: *const BlockScale,
}

impl Quantised {
    /// Quantises `x`, `[rows, cols]`, `cols` a multiple of 32, in tiles of `tile` rows. A block with a NaN or an infinity gets the
    /// scale NaN, so that it shows in every result.
    pub(crate) fn new(set: InstructionSet, pool: &Pool, x: &[f32], cols: usize, tile: usize) -> Self {
        let (rows, blocks) = (x.len() / cols, cols / BLOCK);
        let (mut bytes, mut scales) = (vec![0; rows * cols], vec![BlockScale::default(); rows * blocks]);
        let (to_bytes, to_scales) = (&Pointer(bytes.as_mut_ptr()), &Pointer(scales.as_mut_ptr()));
        pool.run(rows.div_ceil(ROWS_A_TASK), |task| {
            for row in task * ROWS_A_TASK..rows.min((task + 1) * ROWS_A_TASK) {
                let (first, stride) = row_blocks(rows, blocks, tile, row);
                let x = &x[row * cols..][..cols];
                // SAFETY: the set is one that this processor has; the indices are below `rows · blocks`, and no other row has
                // them.
                unsafe { dispatch(set, QuantiseTask { x, first, stride, to_bytes, to_scales }) };
            }
        });
        Self { rows, blocks, tile, bytes, scales }
    }

    /// All rows, tile by tile.
    pub(crate) fn tiles(&self) -> impl Iterator<Item = Tile> {
        (0..self.rows).step_by(self.tile).map(|start| {
            let (first, rows) = row_blocks(self.rows, self.blocks, self.tile, start);
            let (bytes, scales) = (&self.bytes[first * BLOCK..], &self.scales[first..]);
            Tile { start, rows, bytes: bytes.as_ptr(), scales: scales.as_ptr() }
        })
    }
}

/// One row, whose block `i` goes to index `first + i · stride`.
struct QuantiseTask<'a> {
    x: &'a [f32],
    first: usize,
    stride: usize,
    to_bytes: &'a Pointer<i8>,
    to_scales: &'a Pointer<BlockScale>,
}

impl Kernel for QuantiseTask<'_> {
    #[inline(always)]
    unsafe fn run<S: Isa>(self) {
        for (block, values) in self.x.as_chunks::<BLOCK>().0.iter().enumerate() {
            let at = self.first + block * self.stride;
            // SAFETY: the caller has room at each index of the row, which nothing else uses meanwhile.
            unsafe {
                let bytes = &mut *self.to_bytes.get().add(at * BLOCK).cast();
                *self.to_scales.get().add(at) = quantise::<S>(values, bytes);
            }
        }
    }
}

/// Where the first block of `row` lies among all blocks of all rows, and how far it is from one of its blocks to the next: as many blocks as
/// the tile has rows.
fn row_blocks(rows: usize, blocks: usize, tile: usize, row: usize) -> (usize, usize) {
    let start = row / tile * tile;
    (start * blocks + row - start, tile.min(rows - start))
}

/// Rounds to the nearest of 255 steps.
///
/// # Safety
/// The processor has `S`.
#[inline(always)]
pub(super) unsafe fn quantise<S: Isa>(values: &[f32; BLOCK], bytes: &mut [i8; BLOCK]) -> BlockScale {
    // SAFETY: the caller has a processor with `S`.
    let most = unsafe { S::greatest(values) };
    let scale = if most.is_finite() { most / 127.0 } else { f32::NAN };
    let inverse = if most > 0.0 { 127.0 / most } else { 0.0 };
    // Any numbers where a value is not finite; the scale is then NaN.
    // SAFETY: the caller has a processor with `S`.
    let sums = unsafe { S::round(values, inverse, bytes) };
    let byte_sum = sums[0].wrapping_add(sums[1]);
    let half_sums = sums.map(|sum| scale * sum as f32);
    BlockScale { scale, half_sums, sum: scale * byte_sum as f32, byte_sum }
}

/// A pointer that tasks share, each of which writes where no other does.
pub(super) struct Pointer<T>(pub *mut T);

// SAFETY: whoever writes through the pointer does so at places that no other task uses; each use says which.
unsafe impl<T> Sync for Pointer<T> {}

impl<T> Pointer<T> {
    /// The pointer; a method, so that closures capture the wrapper.
    pub(crate) fn get(&self) -> *mut T {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block_index(rows: usize, blocks: usize, tile: usize, row: usize, block: usize) -> usize {
        let (first, stride) = row_blocks(rows, blocks, tile, row);
        first + block * stride
    }

    proptest! {
        #[test]
        fn bytes_stand_for_the_values(
            x in prop::collection::vec(prop_oneof![-1e3f32..1e3, Just(0.0), -1e-3f32..1e-3], 96 * 5),
            tile in 1usize..8,
        ) {
            let quantised = Quantised::new(InstructionSet::best(), &Pool::new(1), &x, 96, tile);
            for (row, values) in x.chunks(96).enumerate() {
                for (block, values) in values.chunks(BLOCK).enumerate() {
                    let at = block_index(5, 3, tile, row, block);
                    let (bytes, scale) = (&quantised.bytes[at * BLOCK..][..BLOCK], quantised.scales[at]);
                    let most = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                    for (byte, value) in bytes.iter().zip(values) {
                        prop_assert!((f32::from(*byte) * scale.scale - value).abs() <= most / 253.0);
                        prop_assert!((-127..=127).contains(byte));
                    }
                    let sum: i32 = bytes.iter().map(|&byte| i32::from(byte)).sum();
                    prop_assert!((scale.sum - scale.scale * sum as f32).abs() <= most * 1e-3);
                    prop_assert!((scale.half_sums[0] + scale.half_sums[1] - scale.sum).abs() <= most * 1e-3);
                }
            }
        }
    }

    /// Numbers of every size, among them those that are too small or too large to be scaled.
    fn any_size() -> impl Strategy<Value = f32> {
        prop_oneof![8 => -4f32..4.0, 1 => prop::num::f32::ANY, 1 => -1e-38f32..1e-38, 1 => Just(0.0)]
    }

    proptest! {
        #[test]
        fn all_instruction_sets_give_the_same_bits(x in prop::collection::vec(any_size(), 64 * 5)) {
            let portable = Quantised::new(InstructionSet::Portable, &Pool::new(1), &x, 64, 8);
            for set in InstructionSet::available() {
                let ours = Quantised::new(set, &Pool::new(1), &x, 64, 8);
                for (block, (ours_scale, scale)) in ours.scales.iter().zip(&portable.scales).enumerate() {
                    prop_assert_eq!(ours_scale.scale.is_nan(), scale.scale.is_nan(), "{}", set.name());
                    if !scale.scale.is_nan() {
                        let bytes = block * BLOCK..(block + 1) * BLOCK;
                        prop_assert_eq!(ours_scale, scale, "{}", set.name());
                        prop_assert_eq!(&ours.bytes[bytes.clone()], &portable.bytes[bytes], "{}", set.name());
                    }
                }
            }
        }
    }

    #[test]
    fn tiles_cover_all_rows_and_places_are_one_to_one() {
        for (rows, tile) in [(1, 4), (4, 4), (5, 4), (9, 4), (7, 1), (3, 32)] {
            let x: Vec<f32> = (0..rows * 64).map(|i| i as f32).collect();
            let quantised = Quantised::new(InstructionSet::best(), &Pool::new(1), &x, 64, tile);
            let mut places: Vec<_> =
                (0..rows).flat_map(|row| (0..2).map(move |block| block_index(rows, 2, tile, row, block))).collect();
            places.sort_unstable();
            assert_eq!(places, (0..2 * rows).collect::<Vec<_>>());
            let tiles: Vec<_> = quantised.tiles().map(|tile| (tile.start, tile.rows)).collect();
            assert_eq!(tiles.iter().map(|(_, rows)| rows).sum::<usize>(), rows);
            assert!(tiles.iter().all(|(start, rows)| start % tile == 0 && *rows <= tile));
        }
    }

    #[test]
    fn what_is_not_finite_is_not_hidden() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = vec![1.0; 64];
            x[40] = bad;
            let quantised = Quantised::new(InstructionSet::best(), &Pool::new(1), &x, 64, 4);
            assert!(quantised.scales[0].scale.is_finite() && quantised.scales[1].scale.is_nan());
        }
    }
}
