//! Tiles of queries, whose sums stay in registers while they meet keys and values in single precision.

use std::ops::Range;

use super::super::isa::Isa;
use super::super::kv_cache::floats;

/// Vectors of positions, or of columns, that a query meets together.
pub(super) const VECTORS: usize = 2;

/// Calls a function that takes the number of queries, at most eight, as its last constant argument.
macro_rules! match_tile {
    ($tile:expr, $function:ident::<$($constant:tt),+>($($argument:expr),*)) => {
        match $tile {
            1 => $function::<$($constant),+, 1>($($argument),*),
            2 => $function::<$($constant),+, 2>($($argument),*),
            3 => $function::<$($constant),+, 3>($($argument),*),
            4 => $function::<$($constant),+, 4>($($argument),*),
            5 => $function::<$($constant),+, 5>($($argument),*),
            6 => $function::<$($constant),+, 6>($($argument),*),
            7 => $function::<$($constant),+, 7>($($argument),*),
            _ => $function::<$($constant),+, 8>($($argument),*),
        }
    };
}
pub(super) use match_tile;

/// Tiles of nearly equal size that cover `queries`, as large as the sums of a tile fit the registers of `S`: the first query of each,
/// and how many.
#[inline(always)]
pub(super) fn tiles<S: Isa>(queries: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
    let most = if S::GROUPS == 2 { 8 } else { 6 };
    let (mut query, tiles) = (queries.start, queries.len().div_ceil(most));
    (0..tiles).rev().map(move |behind| {
        let (first, tile) = (query, (queries.end - query).div_ceil(behind + 1));
        query += tile;
        (first, tile)
    })
}

/// Products of `G` queries, `width` numbers each, with the keys of `VECTORS` vectors of positions, `[width][VECTORS][S::LANES]`.
#[inline(always)]
pub(super) unsafe fn score_tile<S: Isa, const G: usize>(
    keys: *const f32,
    queries: *const f32,
    width: usize,
    scores: *mut f32,
    stride: usize,
) {
    // SAFETY: the caller has the keys, the queries, and room for the scores `stride` apart.
    unsafe {
        let mut sums = [[S::zero(); VECTORS]; G];
        for i in 0..width {
            let key = vectors::<S, VECTORS>(keys.add(i * VECTORS * S::LANES));
            for (g, sums) in sums.iter_mut().enumerate() {
                let query = S::splat(*queries.add(g * width + i));
                for (sum, key) in sums.iter_mut().zip(key) {
                    *sum = S::mul_add(key, query, *sum);
                }
            }
        }
        for (g, sums) in sums.into_iter().enumerate() {
            for (v, sum) in sums.into_iter().enumerate() {
                S::store(scores.add(g * stride + v * S::LANES), sum);
            }
        }
    }
}

/// Adds `V` vectors of columns of `slots` values, `row` numbers apart, to the sums of `G` queries, `columns` apart, with weights
/// `stride` apart.
#[inline(always)]
pub(super) unsafe fn mix_tile<S: Isa, const V: usize, const G: usize>(
    values: *const f32,
    row: usize,
    slots: usize,
    weights: *const f32,
    stride: usize,
    sums_at: *mut f32,
    columns: usize,
) {
    // SAFETY: the caller has the values, the weights and the sums.
    unsafe {
        let mut sums = [[S::zero(); V]; G];
        for (g, sums) in sums.iter_mut().enumerate() {
            *sums = vectors::<S, V>(sums_at.add(g * columns));
        }
        for slot in 0..slots {
            let value = vectors::<S, V>(values.add(slot * row));
            for (g, sums) in sums.iter_mut().enumerate() {
                let weight = S::splat(*weights.add(g * stride + slot));
                for (sum, value) in sums.iter_mut().zip(value) {
                    *sum = S::mul_add(value, weight, *sum);
                }
            }
        }
        for (g, sums) in sums.into_iter().enumerate() {
            for (v, sum) in sums.into_iter().enumerate() {
                S::store(sums_at.add(g * columns + v * S::LANES), sum);
            }
        }
    }
}

/// `V` vectors that lie side by side.
#[inline(always)]
unsafe fn vectors<S: Isa, const V: usize>(at: *const f32) -> [S::Floats; V] {
    // SAFETY: the caller has `V · S::LANES` numbers at `at`, and a processor with `S`.
    unsafe {
        let mut vectors = [S::zero(); V];
        for (v, vector) in vectors.iter_mut().enumerate() {
            *vector = floats::<S>(at.add(v * S::LANES));
        }
        vectors
    }
}
