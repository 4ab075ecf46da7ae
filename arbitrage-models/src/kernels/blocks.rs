//! GGML's block formats, packed so that one vector holds four neighbouring columns of each row of a group.
//!
//! A format says how its bytes are packed for a group of eight rows, and how a sub-block of 32 columns is unpacked into eight
//! vectors of bytes, with a scale and an offset a row. The product itself is the same for all: bytes times the activations'
//! bytes, summed in integers, scaled in floats. Packing rounds nothing: `weight = scale · q − offset` holds as it does in the
//! file.

mod k_quant;
mod legacy;
mod q6_k;
mod q8_0;

pub(super) use k_quant::KQuant;
pub(super) use legacy::LegacyQuant;
pub(super) use q6_k::Q6K;
pub(super) use q8_0::Q8;

use super::activations::{BLOCK, BlockScale};
use super::isa::{Isa, LANES, LanePointer};

/// Bytes of a group's vector.
const VECTOR: usize = 4 * LANES;
/// Vectors of a sub-block.
const VECTORS: usize = BLOCK / 4;
/// Bytes of a sub-block's nibbles.
const NIBBLES: usize = BLOCK * LANES / 2;
/// Bytes of eight half-precision numbers.
const HALVES: usize = 2 * LANES;

/// A format of weights, for groups of eight rows.
pub(super) trait BlockFormat {
    /// Columns of a block; a multiple of 32.
    const COLUMNS: usize;
    /// Bytes of a block in the file.
    const FILE_BYTES: usize;
    /// Bytes of a packed block of eight rows.
    const BYTES: usize;
    /// What a block's sub-blocks have in common.
    type Header<S: Isa>: Copy;
    /// 32 columns, unpacked.
    type SubBlock<S: Isa>: Copy;

    /// Packs one block of each of eight rows. `out` is zeroed.
    fn pack(rows: [&[u8]; LANES], out: &mut [u8]);

    /// Reads a block's header.
    ///
    /// # Safety
    /// `at` points to a packed block of each group that `S` spans; the processor has `S`.
    unsafe fn header<S: Isa>(at: LanePointer) -> Self::Header<S>;

    /// Unpacks sub-block `index`.
    ///
    /// # Safety
    /// `at` points to a packed block of each group that `S` spans, and `index < COLUMNS / 32`; the processor has `S`.
    unsafe fn unpack<S: Isa>(at: LanePointer, header: Self::Header<S>, index: usize) -> Self::SubBlock<S>;

    /// Adds the products with 32 activations to `sums`.
    ///
    /// # Safety
    /// 32 activations lie at `a`; the processor has `S`.
    unsafe fn accumulate<S: Isa>(
        sub: &Self::SubBlock<S>,
        a: *const i8,
        scale: &BlockScale,
        sums: S::Floats,
    ) -> S::Floats;
}

/// 32 columns of a format with one scale and one offset a row.
#[derive(Clone, Copy)]
pub(super) struct AffineSubBlock<S: Isa> {
    w: [S::Bytes; VECTORS],
    scale: S::Floats,
    /// Negative: it is added.
    offset: S::Floats,
}

impl<S: Isa> AffineSubBlock<S> {
    /// `Σ (scale · q + offset) · a`.
    #[inline(always)]
    unsafe fn accumulate<const BITS: u32>(&self, a: *const i8, scale: &BlockScale, sums: S::Floats) -> S::Floats {
        // SAFETY: the caller has 32 activations at `a`, and the processor has `S`.
        unsafe {
            // The offset first: it waits for nothing, while the products come late.
            let sums = S::mul_add(self.offset, S::splat(scale.sum), sums);
            let products = S::to_floats(S::dot::<BITS, VECTORS>(&self.w, a));
            S::mul_add(products, S::mul(self.scale, S::splat(scale.scale)), sums)
        }
    }
}

/// Copies byte `at..at + 2` of each row's block, a half-precision number, to `out`.
fn pack_halves(rows: [&[u8]; LANES], at: usize, out: &mut [u8]) {
    for (row, out) in rows.iter().zip(out.chunks_exact_mut(2)) {
        out.copy_from_slice(&row[at..at + 2]);
    }
}

/// The vector, of a sub-block's eight, and the byte in it that hold column `column` of row `row`.
fn vector_and_byte(row: usize, column: usize) -> (usize, usize) {
    (column / 4, row * 4 + column % 4)
}

/// Packs the low four bits of `q`: those of vectors 0–3 into the low nibbles of four vectors, those of 4–7 into the high ones.
fn pack_nibble(out: &mut [u8], row: usize, column: usize, q: u8) {
    let (vector, byte) = vector_and_byte(row, column);
    out[vector % 4 * VECTOR + byte] |= (q & 15) << (vector / 4 * 4);
}

/// Packs the fifth bit of `q`: those of vectors 0–3 into bits 4–7 of one vector, those of 4–7 into bits 3–0.
fn pack_fifth(out: &mut [u8], row: usize, column: usize, q: u8) {
    let (vector, byte) = vector_and_byte(row, column);
    let bit = if vector < 4 { 4 + vector } else { 7 - vector };
    out[byte] |= (q >> 4 & 1) << bit;
}

/// The eight vectors of nibbles.
#[inline(always)]
unsafe fn nibbles<S: Isa>(at: LanePointer) -> [S::Bytes; VECTORS] {
    // SAFETY: the caller has `NIBBLES` bytes a group at `at`, and the processor has `S`.
    unsafe {
        let mask = S::splat_byte(15);
        let load = |i: usize| S::bytes(at.add(i * VECTOR));
        let [a, b, c, d] = [load(0), load(1), load(2), load(3)];
        let low = |x| S::and(x, mask);
        let high = |x| S::and(S::shr::<4>(x), mask);
        [low(a), low(b), low(c), low(d), high(a), high(b), high(c), high(d)]
    }
}

/// Joins nibbles with their fifth bits.
#[inline(always)]
unsafe fn with_fifth<S: Isa>(w: [S::Bytes; VECTORS], at: LanePointer) -> [S::Bytes; VECTORS] {
    // SAFETY: the caller has a vector a group at `at`, and the processor has `S`.
    unsafe {
        let (bits, mask) = (S::bytes(at), S::splat_byte(16));
        let join = |w, bits| S::or(w, S::and(bits, mask));
        [
            join(w[0], bits),
            join(w[1], S::shr::<1>(bits)),
            join(w[2], S::shr::<2>(bits)),
            join(w[3], S::shr::<3>(bits)),
            join(w[4], S::shl::<1>(bits)),
            join(w[5], S::shl::<2>(bits)),
            join(w[6], S::shl::<3>(bits)),
            join(w[7], S::shl::<4>(bits)),
        ]
    }
}
