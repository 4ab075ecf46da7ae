//! Products under way: taken by tiles ahead of the vectors, which scale them.

use std::mem::MaybeUninit;

use super::{CHUNK, MAX_PANELS, Panels, RING, STORED_LATER};
use crate::kernels::activations::{BLOCK, BlockScale};
use crate::kernels::blocks::{BlockFormat, OneScale};
use crate::kernels::isa::{ACTIVATIONS, Isa, LanePointer, SUMS, TILE_ROWS, Tiles, WEIGHTS};

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
pub(super) struct TileScratch<S: Isa, B: BlockFormat> {
    /// Unpacked chunks: the one that is scaled, and the next.
    weights: [[MaybeUninit<B::SubBlock<S>>; CHUNK]; 2],
    /// Sums of products that are not scaled yet, a vector a row.
    products: [[MaybeUninit<S::Ints>; TILE_ROWS]; RING],
    /// The results of each panel, as far as chunks have been added.
    pub(super) sums: [[S::Floats; TILE_ROWS]; MAX_PANELS],
}

impl<S: Isa, B: BlockFormat> TileScratch<S, B> {
    #[inline(always)]
    pub(super) unsafe fn new() -> Self {
        Self {
            weights: [[MaybeUninit::uninit(); CHUNK]; 2],
            products: [[MaybeUninit::uninit(); TILE_ROWS]; RING],
            // SAFETY: the caller has a processor with `S`.
            sums: [[unsafe { S::zero() }; TILE_ROWS]; MAX_PANELS],
        }
    }

    /// Unpacks `sub_blocks` of a chunk, whose blocks lie at `at`.
    #[inline(always)]
    pub(super) unsafe fn unpack(&mut self, at: LanePointer, chunk: usize, sub_blocks: usize) {
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
pub(super) struct TilePipeline<'s, S: Isa, T: Tiles, B: BlockFormat> {
    panels: Panels,
    tiles: &'s mut T,
    pub(super) scratch: &'s mut TileScratch<S, B>,
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

impl<'s, S: Isa, T: Tiles, B: BlockFormat> TilePipeline<'s, S, T, B>
where
    B::SubBlock<S>: OneScale<S>,
{
    #[inline(always)]
    pub(super) unsafe fn new(panels: Panels, tiles: &'s mut T, scratch: &'s mut TileScratch<S, B>) -> Self {
        // SAFETY: the caller has a processor with `S`.
        scratch.sums[..panels.count].fill([unsafe { S::zero() }; TILE_ROWS]);
        let (len, activations) = (panels.chunk_len(0), panels.input.bytes);
        Self { panels, tiles, scratch, chunk: 0, panel: 0, sub: 0, len, activations, taken: 0, scaled: 0 }
    }

    /// Takes the next product, if there is one more, and writes the sums of one that was taken before.
    #[inline(always)]
    pub(super) unsafe fn multiply_next(&mut self) {
        if self.sub == self.len && !self.next_panel() {
            // SAFETY: as below. What is written when the last product's sums have been is not read.
            return unsafe { self.store_earlier() };
        }
        // SAFETY: the caller has unpacked the chunk, configured the tiles for these panels and a part's columns, and scaled what the place
        // in the ring held before; the input has all rows of a panel. The processor has `T`.
        unsafe {
            let weights = self.scratch.weights[self.chunk % 2][self.sub].assume_init_ref().weights();
            multiply(self.tiles, self.taken, self.activations.cast(), weights.cast(), size_of::<S::Bytes>());
            self.store_earlier();
        }
        self.sub += 1;
        self.activations = self.activations.wrapping_add(self.panels.input.rows * BLOCK);
    }

    /// Counts a product, and writes the sums of the one that was taken [`STORED_LATER`] before it.
    #[inline(always)]
    unsafe fn store_earlier(&mut self) {
        let to = self.scratch.products[self.taken.wrapping_sub(STORED_LATER) % RING].as_mut_ptr();
        // SAFETY: the caller has configured the tiles, scaled what the place in the ring held before, and has a processor with `T`.
        unsafe { store(self.tiles, self.taken, to.cast(), size_of::<S::Bytes>()) };
        self.taken += 1;
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
    pub(super) unsafe fn scale<const FULL: bool>(&mut self, chunk: usize, panel: usize, fetched: LanePointer) {
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
            self.scaled += 1;
            scales = scales.wrapping_add(self.panels.input.rows);
        }
        self.scratch.sums[panel] = sums;
    }

    /// Adds the oldest product that is not scaled yet.
    #[inline(always)]
    unsafe fn add_scaled<const FULL: bool>(
        &self,
        weights: &B::SubBlock<S>,
        scales: *const BlockScale,
        sums: &mut [S::Floats; TILE_ROWS],
    ) {
        let products = &self.scratch.products[self.scaled % RING];
        // Written out row by row, so that all sums stay in registers.
        macro_rules! add_rows {
            ($($row:literal)*) => {$(
                if !FULL && $row == self.panels.rows {
                    return;
                }
                // SAFETY: the caller has taken the products, all rows' scales at `scales`, and a processor with `S`.
                unsafe { sums[$row] = weights.add_scaled(products[$row].assume_init(), &*scales.add($row), sums[$row]) };
            )*};
        }
        add_rows!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
}

/// Takes product number `product`. Neighbouring products use different tiles, so that none waits for another. Rows of weights are
/// `vector` bytes long.
#[inline(always)]
unsafe fn multiply<T: Tiles>(tiles: &mut T, product: usize, activations: *const u8, weights: *const u8, vector: usize) {
    #[inline(always)]
    unsafe fn with<T: Tiles, const S: usize, const A: usize, const W: usize>(
        tiles: &mut T,
        activations: *const u8,
        weights: *const u8,
        vector: usize,
    ) {
        // SAFETY: the caller has both tiles, and a processor with `T`, configured for them.
        unsafe {
            tiles.zero::<S>();
            tiles.load::<W>(weights, vector);
            tiles.load::<A>(activations, BLOCK);
            tiles.dot::<S, A, W>();
        }
    }
    // SAFETY: as above.
    unsafe {
        match product % SUMS {
            0 => with::<T, 0, ACTIVATIONS, WEIGHTS>(tiles, activations, weights, vector),
            1 => with::<T, 1, { ACTIVATIONS + 1 }, { WEIGHTS + 1 }>(tiles, activations, weights, vector),
            2 => with::<T, 2, ACTIVATIONS, WEIGHTS>(tiles, activations, weights, vector),
            _ => with::<T, 3, { ACTIVATIONS + 1 }, { WEIGHTS + 1 }>(tiles, activations, weights, vector),
        }
    }
}

/// Writes the sums of the product that was taken [`STORED_LATER`] before product number `product`, in rows of `vector` bytes.
#[inline(always)]
unsafe fn store<T: Tiles>(tiles: &mut T, product: usize, to: *mut u8, vector: usize) {
    const { assert!(SUMS == 4 && STORED_LATER == 2) };
    // SAFETY: the caller has room for the sums, and a processor with `T`, configured for them.
    unsafe {
        match product % SUMS {
            0 => tiles.store::<2>(to, vector),
            1 => tiles.store::<3>(to, vector),
            2 => tiles.store::<0>(to, vector),
            _ => tiles.store::<1>(to, vector),
        }
    }
}
