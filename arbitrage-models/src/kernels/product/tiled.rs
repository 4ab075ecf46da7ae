//! Products of block formats by tiles, for passes over several rows.
//!
//! A tile of activations is a panel of up to 16 rows by the 32 columns of a sub-block. A tile of weights is the sub-block as it comes out
//! of unpacking: each of its eight vectors, four neighbouring columns of every lane, is a row of the tile. Their product is exact. It
//! goes through memory to the vectors, which scale it row by row with the operations that every other set takes, in the same order, so
//! the bits are the same.
//!
//! What binds is not the tiles: 16 rows by 16 lanes by 32 columns take them 16 cycles, and the scaling, 64 operations of 512 bits, twice as
//! long on two ports. While tiles are at work, the second port takes no multiplications and no conversions, so that both together take some 64
//! cycles, in whatever order (measured on Emerald Rapids with sequences of these instructions alone). 512-bit VNNI takes 96. To wait for nothing,
//! [`TILES_AHEAD`] products are taken ahead of the one that is scaled, and a product's sums are written when they are ready
//! ([`STORED_LATER`]). Unpacking adds some 25 vector operations a sub-block, which all panels share. Weights and sums of a chunk of columns
//! stay in the first-level cache, activations in the second-level one.
//!
//! Formats with a scale every 16 columns need two products a sub-block and gained nothing: they stay on vectors ([`pays`]), as do
//! passes of a few rows.
//!
//! Weights in bf16 or f16 stay on vectors: AMX's products of bf16 take denormal numbers for zero and round in an order of their own, so
//! their bits would not be those of the other sets.

mod pipeline;

use super::{Product, ProductTask};
use crate::kernels::activations::{BLOCK, Tile};
use crate::kernels::blocks::{BlockFormat, Iq4, KQuant, LegacyQuant, MIDDLE, MINIMUM, OneScale, Q8, ZERO};
use crate::kernels::isa::{InstructionSet, Isa, LanePointer, TILE_ROWS, TileKernel, TileShape, Tiles};
use crate::weights::DType;
use pipeline::{TilePipeline, TileScratch};

/// Rows of activations from which on tiles are faster than vectors.
const LEAST_ROWS: usize = 12;
/// Panels of rows that meet a chunk of weights once it is unpacked. More share the unpacking, and need more of the second-level cache.
const MAX_PANELS: usize = 4;
/// Bytes of activations that meet a task's weights; with their scales, half of a second-level cache of 2 MB.
const TILED_INPUT_BYTES: usize = 640 * 1024;
/// Sub-blocks of a chunk of columns, which are unpacked together: a multiple of every format's block.
const CHUNK: usize = 8;
/// How many chunks ahead weights are fetched: the next one is being unpacked while the last panel meets this one.
const FETCHED_AHEAD: usize = 3;
/// Products that are taken ahead of the one that is scaled.
const TILES_AHEAD: usize = 6;
/// Products that are taken before the sums of one are written. A product takes some 50 cycles, during which an instruction that waits for its
/// sums would keep those behind it out of the processor's window.
const STORED_LATER: usize = 2;
/// Places for the sums of products that are under way.
const RING: usize = 8;

/// Whether products of `rows` rows of activations with weights of `dtype` are taken by tiles.
pub(super) fn pays(set: InstructionSet, dtype: DType, rows: usize) -> bool {
    use DType::{BF16, F16, F32, Q2K, Q3K, Q6K};
    set.has_tiles() && rows >= LEAST_ROWS && !matches!(dtype, F32 | F16 | BF16 | Q2K | Q3K | Q6K)
}

/// Rows of activations to be laid out together: as many as fit, and about as many in each part.
pub(super) fn input_rows(rows: usize, cols: usize) -> usize {
    let panels = (TILED_INPUT_BYTES / cols / TILE_ROWS).clamp(1, MAX_PANELS);
    let parts = rows.div_ceil(panels * TILE_ROWS).max(1);
    rows.div_ceil(parts).max(1)
}

/// A task whose matrix has a block format.
#[derive(Clone, Copy)]
pub(super) struct TiledTask<'a>(pub(super) ProductTask<'a>);

impl TileKernel for TiledTask<'_> {
    #[inline(always)]
    unsafe fn run<S: Isa, T: Tiles>(self) {
        // SAFETY: `multiply` made the task; its groups exist, the output has room for them, and the processor has `S` and `T`.
        unsafe {
            match self.0.product.matrix.dtype() {
                DType::Q8_0 => self.blocks::<S, T, Q8>(),
                DType::Q4_0 => self.blocks::<S, T, LegacyQuant<false, MIDDLE>>(),
                DType::Q4_1 => self.blocks::<S, T, LegacyQuant<false, MINIMUM>>(),
                DType::Q5_0 => self.blocks::<S, T, LegacyQuant<true, MIDDLE>>(),
                DType::Q5_1 => self.blocks::<S, T, LegacyQuant<true, MINIMUM>>(),
                DType::Int4 => self.blocks::<S, T, LegacyQuant<false, ZERO>>(),
                DType::Iq4Nl => self.blocks::<S, T, Iq4<false>>(),
                DType::Iq4Xs => self.blocks::<S, T, Iq4<true>>(),
                DType::Q4K => self.blocks::<S, T, KQuant<false>>(),
                DType::Q5K => self.blocks::<S, T, KQuant<true>>(),
                dtype => debug_assert!(false, "{dtype} is not multiplied by tiles"),
            }
        }
    }
}

impl TiledTask<'_> {
    #[inline(always)]
    unsafe fn blocks<S: Isa, T: Tiles, B: BlockFormat>(self)
    where
        B::SubBlock<S>: OneScale<S>,
    {
        const {
            assert!((CHUNK * BLOCK).is_multiple_of(B::COLUMNS), "a chunk is made of whole blocks");
            assert!(TILES_AHEAD <= CHUNK && STORED_LATER < TILES_AHEAD && TILES_AHEAD < RING);
        }
        let ProductTask { input, from, to, .. } = self.0;
        let Some(quantised) = &input.quantised else { return };
        // SAFETY: the task's groups exist, and each has as many blocks as the input has columns for. The caller has a processor with `S`
        // and `T`, and an output with room for the task's groups.
        unsafe {
            let mut scratch = TileScratch::<S, B>::new();
            for tile in quantised.tiles() {
                let panels = Panels::new(tile, input.cols);
                let shape = TileShape { rows: panels.rows, columns: BLOCK, lanes: S::LANES };
                let mut tiles = T::configure(shape);
                for group in (from..to).step_by(S::GROUPS) {
                    self.vector::<S, T, B>(panels, group, &mut tiles, &mut scratch);
                }
            }
        }
    }

    /// A vector of groups by all panels.
    #[inline(always)]
    unsafe fn vector<S: Isa, T: Tiles, B: BlockFormat>(
        self,
        panels: Panels,
        group: usize,
        tiles: &mut T,
        scratch: &mut TileScratch<S, B>,
    ) where
        B::SubBlock<S>: OneScale<S>,
    {
        let (weights, chunks) = (ChunkedWeights::new::<S>(self.0.product, group), panels.chunks());
        // SAFETY: the caller has a processor with `S` and `T`, configured for these panels, and all groups of the vector, with as many
        // chunks as the panels. Chunk `i + 1` is unpacked before the last panel meets chunk `i`, and what runs ahead of that panel gets
        // no further than there, since a chunk has as many sub-blocks as there are products ahead, unless it is the last.
        unsafe {
            let mut pipeline = TilePipeline::<S, T, B>::new(panels, tiles, scratch);
            pipeline.scratch.unpack(weights.chunk::<B>(0), 0, panels.chunk_len(0));
            for _ in 0..TILES_AHEAD {
                pipeline.multiply_next();
            }
            for chunk in 0..chunks {
                let fetched = weights.chunk::<B>(chunk + FETCHED_AHEAD);
                for panel in 0..panels.count {
                    if panel + 1 == panels.count && chunk + 1 < chunks {
                        pipeline.scratch.unpack(weights.chunk::<B>(chunk + 1), chunk + 1, panels.chunk_len(chunk + 1));
                    }
                    if panels.rows == TILE_ROWS {
                        pipeline.scale::<true>(chunk, panel, fetched);
                    } else {
                        pipeline.scale::<false>(chunk, panel, fetched);
                    }
                }
            }
            for panel in 0..panels.count {
                let row = panels.input.start + panels.first_row(panel);
                self.0.store_rows::<S>(&scratch.sums[panel][..panels.rows], group, row);
            }
        }
    }
}

/// Rows of activations in panels of equal length. Where they do not fill all panels, the last one starts earlier, and what it has in
/// common with the one before is computed twice, with the same bits: so a configuration of the tiles serves all panels.
#[derive(Clone, Copy)]
struct Panels {
    input: Tile,
    sub_blocks: usize,
    count: usize,
    /// Rows of a panel.
    rows: usize,
}

impl Panels {
    fn new(input: Tile, cols: usize) -> Self {
        let count = input.rows.div_ceil(TILE_ROWS);
        Self { input, sub_blocks: cols / BLOCK, count, rows: input.rows.div_ceil(count) }
    }

    /// The first row of a panel, within the input's tile.
    #[inline(always)]
    fn first_row(self, panel: usize) -> usize {
        (panel * self.rows).min(self.input.rows - self.rows)
    }

    /// Chunks of columns.
    #[inline(always)]
    fn chunks(self) -> usize {
        self.sub_blocks.div_ceil(CHUNK)
    }

    /// Sub-blocks of a chunk; none behind the last one.
    #[inline(always)]
    fn chunk_len(self, chunk: usize) -> usize {
        CHUNK.min(self.sub_blocks.saturating_sub(chunk * CHUNK))
    }

    /// Where the first row of a panel has the first sub-block of a chunk, among all sub-blocks of the input's tile; the other rows' follow.
    #[inline(always)]
    fn index(self, chunk: usize, panel: usize) -> usize {
        chunk * CHUNK * self.input.rows + self.first_row(panel)
    }
}

/// The packed weights of a vector of groups, and those that are read after them.
struct ChunkedWeights {
    at: LanePointer,
    next: LanePointer,
    chunks: usize,
}

impl ChunkedWeights {
    #[inline(always)]
    fn new<S: Isa>(product: &Product<'_>, group: usize) -> Self {
        let matrix = product.matrix;
        let (next, chunks) = (group + S::GROUPS, matrix.cols().div_ceil(CHUNK * BLOCK));
        Self { at: matrix.group(group), next: matrix.group(if next < matrix.groups() { next } else { group }), chunks }
    }

    /// Where a chunk's blocks begin; chunks past the last are those of the next vector.
    #[inline(always)]
    fn chunk<B: BlockFormat>(&self, chunk: usize) -> LanePointer {
        let bytes = CHUNK * BLOCK / B::COLUMNS * B::BYTES;
        if chunk < self.chunks { self.at.add(chunk * bytes) } else { self.next.add((chunk - self.chunks) * bytes) }
    }
}
