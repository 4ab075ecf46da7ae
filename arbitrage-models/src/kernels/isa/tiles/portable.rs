//! Tiles in plain Rust: what the instructions do, step by step, so that kernels over tiles are tested on every machine.

use super::{ROW_BYTES, TILE_ROWS, TILES, TileShape, Tiles};

/// Eight tiles in memory.
pub(in super::super) struct PortableTiles {
    shape: TileShape,
    tiles: [[[u8; ROW_BYTES]; TILE_ROWS]; TILES],
}

impl Tiles for PortableTiles {
    #[inline(always)]
    unsafe fn configure(shape: TileShape) -> Self {
        debug_assert!((1..=TILE_ROWS).contains(&shape.rows) && (1..=ROW_BYTES / 4).contains(&shape.lanes));
        debug_assert!((4..=ROW_BYTES).contains(&shape.columns) && shape.columns.is_multiple_of(4));
        Self { shape, tiles: [[[0; ROW_BYTES]; TILE_ROWS]; TILES] }
    }

    #[inline(always)]
    unsafe fn zero<const TILE: usize>(&mut self) {
        self.tiles[TILE] = [[0; ROW_BYTES]; TILE_ROWS];
    }

    #[inline(always)]
    unsafe fn load<const TILE: usize>(&mut self, at: *const u8, stride: usize) {
        let (rows, bytes) = self.shape.of(TILE);
        self.tiles[TILE] = [[0; ROW_BYTES]; TILE_ROWS];
        for (row, tile_row) in self.tiles[TILE][..rows].iter_mut().enumerate() {
            // SAFETY: the caller has all rows of the tile readable at `at`.
            tile_row[..bytes].copy_from_slice(unsafe { std::slice::from_raw_parts(at.add(row * stride), bytes) });
        }
    }

    #[inline(always)]
    unsafe fn dot<const SUMS: usize, const ACTIVATIONS: usize, const WEIGHTS: usize>(&mut self) {
        let TileShape { rows, columns, lanes } = self.shape;
        let (activations, weights) = (self.tiles[ACTIVATIONS], self.tiles[WEIGHTS]);
        for (sums, activations) in self.tiles[SUMS][..rows].iter_mut().zip(&activations) {
            for (activations, weights) in activations[..columns].as_chunks::<4>().0.iter().zip(&weights) {
                let lanes = sums.as_chunks_mut::<4>().0.iter_mut().zip(weights.as_chunks::<4>().0).take(lanes);
                for (sum, weights) in lanes {
                    let products = activations
                        .iter()
                        .zip(weights)
                        .map(|(&a, &w)| i32::from(a.cast_signed()) * i32::from(w.cast_signed()));
                    *sum = i32::from_ne_bytes(*sum).wrapping_add(products.sum()).to_ne_bytes();
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn store<const TILE: usize>(&mut self, at: *mut u8, stride: usize) {
        let (rows, bytes) = self.shape.of(TILE);
        for (row, tile_row) in self.tiles[TILE][..rows].iter().enumerate() {
            // SAFETY: the caller has room for all rows of the tile at `at`, none of which overlaps the tiles.
            unsafe { at.add(row * stride).copy_from_nonoverlapping(tile_row.as_ptr(), bytes) };
        }
    }
}
