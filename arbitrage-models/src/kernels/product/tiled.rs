//! Products of block formats by tiles, for passes over several rows.
//!
//! A tile of activations is a panel of up to 16 rows by the 32 columns of a sub-block. A tile of weights is the sub-block as it comes out
//! of unpacking: each of its eight vectors, four neighbouring columns of every lane, is a row of the tile. Their product is exact. It
//! goes through memory to the vectors, which scale it row by row with the operations that every other set takes, in the same order, so
//! the bits are the same.
//!
//! What 16 rows by 16 lanes by 32 columns cost at 512 bits, in cycles: 16 for the product in the tiles; 16 to write its sums; some 30 to
//! read them, both tiles, and 32 numbers of the activations' scales; and 32 for the scaling, which is 64 vector operations on two ports.
//! These are different parts of the processor, so scaling binds, if nothing waits: a third of what 512-bit VNNI takes, which needs 128
//! more operations for the products. To wait for nothing, products run ahead of scaling: one takes some 120 cycles from the first load
//! until its sums can be read (45 to load, 52 to multiply, the rest to write, and loads are not served from tile stores under way), so
//! [`TILES_AHEAD`] are under way at once. Unpacking adds some 25 operations a sub-block, which all panels share. Weights and sums of a
//! chunk of columns stay in the first-level cache, activations in the second-level one.
//!
//! Weights in bf16 or f16 stay on vectors: AMX's products of bf16 take denormal numbers for zero and round in an order of their own, so
//! their bits would not be those of the other sets.

use std::mem::MaybeUninit;

use super::{Product, ProductTask};
use crate::kernels::activations::{BLOCK, BlockScale, Tile};
use crate::kernels::blocks::{BlockFormat, KQuant, LegacyQuant, Q6K, Q8};
use crate::kernels::isa::{ACTIVATIONS, Isa, LanePointer, SUMS, TILE_ROWS, TileKernel, TileShape, Tiles, WEIGHTS};
use crate::weights::DType;

/// Rows of activations from which on tiles are faster than vectors: the tiles' own work hardly depends on the number of rows.
pub(super) const LEAST_ROWS: usize = 4;
/// Panels of rows that meet a chunk of weights once it is unpacked. More share the unpacking, and need more of the second-level cache.
const MAX_PANELS: usize = 4;
/// Bytes of activations that meet a task's weights; with their scales, half of a second-level cache of 2 MB.
const INPUT_BYTES: usize = 640 * 1024;
/// Sub-blocks of a chunk of columns, which are unpacked together: a multiple of every format's block.
const CHUNK: usize = 8;
/// Products that are taken ahead of the one that is scaled.
const TILES_AHEAD: usize = 6;
/// Places for the sums of products that are under way.
const RING: usize = 8;

/// Rows of activations to be laid out together: as many as fit, and about as many in each part.
pub(super) fn input_rows(rows: usize, cols: usize) -> usize {
    let panels = (INPUT_BYTES / cols / TILE_ROWS).clamp(1, MAX_PANELS);
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
                DType::F32 | DType::F16 | DType::BF16 => debug_assert!(false, "floats are not multiplied by tiles"),
                DType::Q8_0 => self.blocks::<S, T, Q8>(),
                DType::Q4_0 => self.blocks::<S, T, LegacyQuant<false, false>>(),
                DType::Q4_1 => self.blocks::<S, T, LegacyQuant<false, true>>(),
                DType::Q5_0 => self.blocks::<S, T, LegacyQuant<true, false>>(),
                DType::Q5_1 => self.blocks::<S, T, LegacyQuant<true, true>>(),
                DType::Q4K => self.blocks::<S, T, KQuant<false>>(),
                DType::Q5K => self.blocks::<S, T, KQuant<true>>(),
                DType::Q6K => self.blocks::<S, T, Q6K>(),
            }
        }
    }
}

impl TiledTask<'_> {
    #[inline(always)]
    unsafe fn blocks<S: Isa, T: Tiles, B: BlockFormat>(self) {
        const {
            assert!(CHUNK * BLOCK % B::COLUMNS == 0, "a chunk is made of whole blocks");
            assert!(TILES_AHEAD <= CHUNK && TILES_AHEAD + B::PARTS <= RING && TILES_AHEAD % B::PARTS == 0);
        }
        let ProductTask { input, from, to, .. } = self.0;
        let Some(quantised) = &input.quantised else { return };
        // SAFETY: the task's groups exist, and each has as many blocks as the input has columns for. The caller has a processor with `S`
        // and `T`, and an output with room for the task's groups.
        unsafe {
            let mut scratch = TileScratch::<S, B>::new();
            for tile in quantised.tiles() {
                let panels = Panels::new(tile, input.cols);
                let shape = TileShape { rows: panels.rows, columns: BLOCK / B::PARTS, lanes: S::LANES };
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
    ) {
        let (weights, chunks) = (ChunkedWeights::new::<S>(self.0.product, group), panels.chunks());
        // SAFETY: the caller has a processor with `S` and `T`, configured for these panels, and all groups of the vector, with as many
        // chunks as the panels. Chunk `i + 1` is unpacked before the last panel meets chunk `i`, and what runs ahead of that panel gets
        // no further than there, since a chunk has as many sub-blocks as there are products ahead, unless it is the last.
        unsafe {
            let mut pipeline = Pipeline::<S, T, B>::new(panels, tiles, scratch);
            pipeline.scratch.unpack(weights.chunk::<B>(0), 0, panels.chunk_len(0));
            for _ in 0..TILES_AHEAD / B::PARTS {
                pipeline.multiply_next();
            }
            for chunk in 0..chunks {
                let fetched = weights.chunk::<B>(chunk + 2);
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

/// Brings a sub-block of the chunk at `at` into the caches. The packed blocks of a chunk lie in one piece, and are fetched in equal
/// shares.
#[inline(always)]
unsafe fn prefetch<S: Isa, B: BlockFormat>(at: LanePointer, sub: usize) {
    let bytes = B::BYTES * BLOCK / B::COLUMNS;
    for line in 0..bytes.div_ceil(64) {
        // SAFETY: the caller has a processor with `S`; what is fetched ahead may lie anywhere.
        unsafe { S::prefetch(at.add(sub * bytes + line * 64)) };
    }
}

/// What lies between the packed weights and the results of one vector of groups.
struct TileScratch<S: Isa, B: BlockFormat> {
    /// Unpacked chunks: the one that is scaled, and the next.
    weights: [[MaybeUninit<B::SubBlock<S>>; CHUNK]; 2],
    /// Sums of products that are not scaled yet, a vector a row.
    products: [[MaybeUninit<S::Ints>; TILE_ROWS]; RING],
    /// The results of each panel, as far as chunks have been added.
    sums: [[S::Floats; TILE_ROWS]; MAX_PANELS],
}

impl<S: Isa, B: BlockFormat> TileScratch<S, B> {
    #[inline(always)]
    unsafe fn new() -> Self {
        Self {
            weights: [[MaybeUninit::uninit(); CHUNK]; 2],
            products: [[MaybeUninit::uninit(); TILE_ROWS]; RING],
            // SAFETY: the caller has a processor with `S`.
            sums: [[unsafe { S::zero() }; TILE_ROWS]; MAX_PANELS],
        }
    }

    /// Unpacks `sub_blocks` of a chunk, whose blocks lie at `at`.
    #[inline(always)]
    unsafe fn unpack(&mut self, at: LanePointer, chunk: usize, sub_blocks: usize) {
        let a_block = B::COLUMNS / BLOCK;
        for block in 0..sub_blocks / a_block {
            let at = at.add(block * B::BYTES);
            // SAFETY: the caller has the chunk's blocks at `at`, and a processor with `S`.
            unsafe {
                let header = B::header::<S>(at);
                for index in 0..a_block {
                    self.weights[chunk % 2][block * a_block + index].write(B::unpack_signed::<S>(at, header, index));
                }
            }
        }
    }
}

/// Products of one vector of groups under way: those that are taken ahead, and the scaling behind them. Both go panel by panel within a
/// chunk.
struct Pipeline<'s, S: Isa, T: Tiles, B: BlockFormat> {
    panels: Panels,
    tiles: &'s mut T,
    scratch: &'s mut TileScratch<S, B>,
    /// Chunk, panel and sub-block of the product that is taken next, and sub-blocks of the chunk.
    chunk: usize,
    panel: usize,
    sub: usize,
    len: usize,
    /// The panel's activations of the sub-block.
    activations: *const i8,
    /// Products that were taken, and that were scaled.
    taken: usize,
    scaled: usize,
}

impl<'s, S: Isa, T: Tiles, B: BlockFormat> Pipeline<'s, S, T, B> {
    #[inline(always)]
    unsafe fn new(panels: Panels, tiles: &'s mut T, scratch: &'s mut TileScratch<S, B>) -> Self {
        // SAFETY: the caller has a processor with `S`.
        scratch.sums[..panels.count].fill([unsafe { S::zero() }; TILE_ROWS]);
        let (len, activations) = (panels.chunk_len(0), panels.input.bytes);
        Self { panels, tiles, scratch, chunk: 0, panel: 0, sub: 0, len, activations, taken: 0, scaled: 0 }
    }

    /// Takes the next product, if there is one more.
    #[inline(always)]
    unsafe fn multiply_next(&mut self) {
        if self.sub == self.len && !self.next_panel() {
            return;
        }
        // SAFETY: the caller has unpacked the chunk, configured the tiles for these panels and a part's columns, and scaled what the place
        // in the ring held before; the input has all rows of a panel. The processor has `T`.
        unsafe {
            let weights = B::weights(self.scratch.weights[self.chunk % 2][self.sub].assume_init_ref());
            for part in 0..B::PARTS {
                let to = self.scratch.products[self.taken % RING].as_mut_ptr();
                let columns = part * BLOCK / B::PARTS;
                let (activations, weights) = (self.activations.add(columns).cast(), weights.add(columns / 4).cast());
                multiply(self.tiles, self.taken, activations, weights, to.cast(), size_of::<S::Bytes>());
                self.taken += 1;
            }
        }
        self.sub += 1;
        self.activations = self.activations.wrapping_add(self.panels.input.rows * BLOCK);
    }

    /// Goes on to the next panel, or to the first one of the next chunk. False behind the last.
    #[inline(always)]
    fn next_panel(&mut self) -> bool {
        self.panel += 1;
        if self.panel == self.panels.count {
            (self.panel, self.chunk) = (0, self.chunk + 1);
        }
        (self.sub, self.len) = (0, self.panels.chunk_len(self.chunk));
        let index = self.panels.index(self.chunk, self.panel);
        self.activations = self.panels.input.bytes.wrapping_add(index * BLOCK);
        self.len > 0
    }

    /// Scales the products of a chunk with a panel, adds them to the panel's sums, and takes as many products ahead. `FULL` panels have 16
    /// rows. The first panel fetches the chunk at `fetched` meanwhile.
    #[inline(always)]
    unsafe fn scale<const FULL: bool>(&mut self, chunk: usize, panel: usize, fetched: LanePointer) {
        let mut sums = self.scratch.sums[panel];
        let mut scales = self.panels.input.scales.wrapping_add(self.panels.index(chunk, panel));
        for sub in 0..self.panels.chunk_len(chunk) {
            // SAFETY: the caller has unpacked this chunk, and the next one where this is the last panel, and has a processor with `S` and
            // `T`; the input has all rows of a panel.
            unsafe {
                if panel == 0 {
                    prefetch::<S, B>(fetched, sub);
                }
                self.multiply_next();
                let weights = self.scratch.weights[chunk % 2][sub].assume_init();
                self.add_scaled::<FULL>(&weights, scales, &mut sums);
            }
            self.scaled += B::PARTS;
            scales = scales.wrapping_add(self.panels.input.rows);
        }
        self.scratch.sums[panel] = sums;
    }

    /// Adds the oldest product that is not scaled yet, with those of the sub-block's other parts behind it.
    #[inline(always)]
    unsafe fn add_scaled<const FULL: bool>(
        &self,
        weights: &B::SubBlock<S>,
        scales: *const BlockScale,
        sums: &mut [S::Floats; TILE_ROWS],
    ) {
        // Written out row by row, so that all sums stay in registers.
        macro_rules! add_rows {
            ($($row:literal)*) => {$(
                if !FULL && $row == self.panels.rows {
                    return;
                }
                // SAFETY: the caller has taken the products, all rows' scales at `scales`, and a processor with `S`.
                unsafe {
                    let products = |part: usize| self.scratch.products[(self.scaled + part) % RING][$row].assume_init();
                    sums[$row] = B::add_scaled::<S>(weights, products, &*scales.add($row), sums[$row]);
                }
            )*};
        }
        add_rows!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
}

/// A product by tiles that the products just before and behind it do not use, so that it need not wait for them. Rows of weights and of
/// sums are `vector` bytes long.
#[inline(always)]
unsafe fn multiply<T: Tiles>(
    tiles: &mut T,
    product: usize,
    activations: *const u8,
    weights: *const u8,
    to: *mut u8,
    vector: usize,
) {
    #[inline(always)]
    unsafe fn with<T: Tiles, const S: usize, const A: usize, const W: usize>(
        tiles: &mut T,
        activations: *const u8,
        weights: *const u8,
        to: *mut u8,
        vector: usize,
    ) {
        // SAFETY: the caller has both tiles, room for the sums, and a processor with `T`, configured for them.
        unsafe {
            tiles.zero::<S>();
            tiles.load::<W>(weights, vector);
            tiles.load::<A>(activations, BLOCK);
            tiles.dot::<S, A, W>();
            tiles.store::<S>(to, vector);
        }
    }
    // SAFETY: as above.
    unsafe {
        match product % SUMS {
            0 => with::<T, 0, ACTIVATIONS, WEIGHTS>(tiles, activations, weights, to, vector),
            1 => with::<T, 1, { ACTIVATIONS + 1 }, { WEIGHTS + 1 }>(tiles, activations, weights, to, vector),
            2 => with::<T, 2, ACTIVATIONS, WEIGHTS>(tiles, activations, weights, to, vector),
            _ => with::<T, 3, { ACTIVATIONS + 1 }, { WEIGHTS + 1 }>(tiles, activations, weights, to, vector),
        }
    }
}
