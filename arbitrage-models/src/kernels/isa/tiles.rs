//! Products of small matrices of bytes, as a processor's tile registers take them.
//!
//! There are eight tiles of up to 16 rows of 64 bytes. By their numbers, [`SUMS`] of them hold sums, two hold activations and two hold
//! weights, so that several products are under way at once. A kernel is written over [`Tiles`], and over [`Isa`] for everything that is
//! not a tile; [`dispatch_tiles`](super::dispatch_tiles) compiles it for the sets that have tiles.

#[cfg(target_arch = "x86_64")]
mod amx;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(super) use amx::{AmxTiles, is_available as amx_is_available};
pub(super) use portable::PortableTiles;

use super::Isa;

/// Rows of a tile, at most.
pub(in super::super) const TILE_ROWS: usize = 16;
/// Tiles `0..SUMS` hold sums.
pub(in super::super) const SUMS: usize = 4;
/// The first of the two tiles of activations.
pub(in super::super) const ACTIVATIONS: usize = SUMS;
/// The first of the two tiles of weights.
pub(in super::super) const WEIGHTS: usize = SUMS + 2;
/// All tiles.
const TILES: usize = SUMS + 4;
/// Bytes of a tile's row, at most.
const ROW_BYTES: usize = 64;

/// What the tiles hold.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct TileShape {
    /// Rows of activations, from 1 to 16; there are as many rows of sums.
    pub rows: usize,
    /// Columns of activations, a multiple of four up to 64. Weights have a row of bytes for every four of them.
    pub columns: usize,
    /// 32-bit lanes, up to 16: a row of weights holds four neighbouring columns of each lane, a row of sums one number of each.
    pub lanes: usize,
}

impl TileShape {
    /// Rows of tile `tile`, and bytes of each.
    fn of(self, tile: usize) -> (usize, usize) {
        match tile {
            ..ACTIVATIONS => (self.rows, 4 * self.lanes),
            ACTIVATIONS..WEIGHTS => (self.rows, self.columns),
            _ => (self.columns / 4, 4 * self.lanes),
        }
    }
}

/// A thread's tile registers.
///
/// # Safety
/// All operations: the processor has the tiles, and this value's shape was the last one that the thread configured. Tiles are named by
/// constants, as instructions name them. Everything is `#[inline(always)]`, so that nothing is called between two operations.
pub(in super::super) trait Tiles: Sized {
    /// Gives the tiles of this thread a shape, and leaves zeros in them. They are released when the value is dropped.
    ///
    /// # Safety
    /// The processor has the tiles, the numbers of `shape` are in the ranges that [`TileShape`] names, and no other value of this type
    /// lives on this thread.
    unsafe fn configure(shape: TileShape) -> Self;
    /// Sets a tile to zero.
    unsafe fn zero<const TILE: usize>(&mut self);
    /// Reads a tile, whose rows lie `stride` bytes apart.
    unsafe fn load<const TILE: usize>(&mut self, at: *const u8, stride: usize);
    /// Adds the products of a tile of activations with one of weights, both signed bytes, to a tile of sums:
    /// `sums[row][lane] += Σ activations[row][column] · weights[column / 4][4 · lane + column % 4]`.
    unsafe fn dot<const SUMS: usize, const ACTIVATIONS: usize, const WEIGHTS: usize>(&mut self);
    /// Writes a tile, with rows `stride` bytes apart.
    unsafe fn store<const TILE: usize>(&mut self, at: *mut u8, stride: usize);
}

/// Work that is written over [`Tiles`].
pub(in super::super) trait TileKernel {
    /// Does it.
    ///
    /// # Safety
    /// The processor has the set and the tiles; whatever else the implementor asks for. Implementations are `#[inline(always)]`.
    unsafe fn run<S: Isa, T: Tiles>(self);
}

#[cfg(test)]
mod tests;
