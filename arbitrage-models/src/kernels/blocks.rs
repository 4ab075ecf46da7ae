//! GGML's block formats, packed so that one vector holds four neighbouring columns of each row of a group.
//!
//! A format says how its bytes are packed for a group of eight rows, and how a sub-block of 32 columns is unpacked into eight
//! vectors of bytes, with a scale and an offset a row. The product itself is the same for all: bytes times the activations'
//! bytes, summed in integers, scaled in floats. Packing rounds nothing: `weight = scale · q − offset` holds as it does in the
//! file.
//!
//! Operations of [`Isa`] stand in functions that are always inlined, not in closures, which may be compiled for themselves and then lack the
//! kernel's instruction set.

mod iq4;
mod k_quant;
mod legacy;
mod q2_k;
mod q3_k;
mod q6_k;
mod q8_0;
mod sub_blocks;

pub(super) use iq4::Iq4;
pub(super) use k_quant::KQuant;
pub(super) use legacy::{LegacyQuant, MIDDLE, MINIMUM, ZERO};
pub(super) use q2_k::Q2K;
pub(super) use q3_k::Q3K;
pub(super) use q6_k::Q6K;
pub(super) use q8_0::Q8;

use super::activations::BLOCK;
use super::isa::{Isa, LANES, LanePointer};
use sub_blocks::{AffineSubBlock, HalvesSubBlock, SignedSubBlock};
pub(super) use sub_blocks::{OneScale, SubBlock};

/// Bytes of a group's vector.
const VECTOR: usize = 4 * LANES;
/// Vectors of a sub-block.
const VECTORS: usize = BLOCK / 4;
/// Bytes of a sub-block's nibbles.
const NIBBLES: usize = BLOCK * LANES / 2;
/// Bytes of a sub-block's bit pairs.
const PAIRS: usize = 2 * VECTOR;
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
    type SubBlock<S: Isa>: SubBlock<S>;

    /// Packs one block of each of eight rows, and writes every byte of `out`.
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

    /// As [`unpack`](Self::unpack), with weights that are signed bytes where those may be in another form.
    ///
    /// # Safety
    /// As [`unpack`](Self::unpack).
    #[inline(always)]
    unsafe fn unpack_signed<S: Isa>(at: LanePointer, header: Self::Header<S>, index: usize) -> Self::SubBlock<S> {
        // SAFETY: the caller upholds the same conditions.
        unsafe { Self::unpack::<S>(at, header, index) }
    }
}

/// Copies byte `at..at + 2` of each row's block, a half-precision number, to `out`.
fn pack_halves(rows: [&[u8]; LANES], at: usize, out: &mut [u8]) {
    for (row, out) in rows.iter().zip(out.chunks_exact_mut(2)) {
        out.copy_from_slice(&row[at..at + 2]);
    }
}

/// The numbers of a row's sub-block, a byte each: word `v` has those of vector `v`, which are four neighbouring columns.
type Words = [u32; VECTORS];

/// The lowest bit, the lowest two and the lowest four bits of each byte of a word.
const BIT_0: u32 = 0x0101_0101;
const BITS_01: u32 = 0x0303_0303;
const LOW_NIBBLES: u32 = 0x0F0F_0F0F;

/// Four bytes a word, in the file's order.
fn words<const BYTES: usize, const COUNT: usize>(bytes: &[u8; BYTES]) -> [u32; COUNT] {
    const { assert!(BYTES == 4 * COUNT) };
    let words = bytes.as_chunks::<4>().0;
    std::array::from_fn(|at| u32::from_le_bytes(words[at]))
}

/// Puts a row's word into each of the vectors at `out`.
fn put_words<const COUNT: usize>(out: &mut [u8], row: usize, words: [u32; COUNT]) {
    let vectors = out[..COUNT * VECTOR].as_chunks_mut::<VECTOR>().0;
    for (vector, word) in vectors.iter_mut().zip(words) {
        vector.as_chunks_mut::<4>().0[row] = word.to_le_bytes();
    }
}

/// Packs the low four bits of a row's numbers: those of vectors 0–3 into the low nibbles of four vectors, those of 4–7 into the high
/// ones.
fn pack_nibbles(out: &mut [u8], row: usize, q: &Words) {
    let vector = |v: usize| q[v] & LOW_NIBBLES | (q[v + 4] & LOW_NIBBLES) << 4;
    put_words(out, row, [vector(0), vector(1), vector(2), vector(3)]);
}

/// Packs two bits of each of a row's numbers, from bit `from` on: those of vector `v` at bits `2 · (v % 4)` of vector `v / 4`.
fn pack_pairs(out: &mut [u8], row: usize, q: &Words, from: usize) {
    let vector = |first: usize| (0..4).fold(0, |word, v| word | (q[first + v] >> from & BITS_01) << (2 * v));
    put_words(out, row, [vector(0), vector(4)]);
}

/// Packs the fifth bits of a row's numbers: those of vectors 0–3 into bits 4–7 of one vector, those of 4–7 into bits 3–0.
fn pack_fifths(out: &mut [u8], row: usize, q: &Words) {
    let bits = |v: usize| (q[v] >> 4 & BIT_0) << if v < 4 { 4 + v } else { 7 - v };
    put_words(out, row, [(0..VECTORS).fold(0, |word, v| word | bits(v))]);
}

/// The eight vectors of bit pairs, four for each half of the columns. Written out, so that it is compiled into the kernel.
#[inline(always)]
unsafe fn pairs<S: Isa>(at: LanePointer) -> [[S::Bytes; VECTORS / 2]; 2] {
    // SAFETY: the caller has `PAIRS` bytes a group at `at`, and the processor has `S`.
    unsafe {
        let mask = S::splat_byte(3);
        let (first, second) = (S::bytes(at), S::bytes(at.add(VECTOR)));
        [
            [
                S::and(first, mask),
                S::and(S::shr::<2>(first), mask),
                S::and(S::shr::<4>(first), mask),
                S::and(S::shr::<6>(first), mask),
            ],
            [
                S::and(second, mask),
                S::and(S::shr::<2>(second), mask),
                S::and(S::shr::<4>(second), mask),
                S::and(S::shr::<6>(second), mask),
            ],
        ]
    }
}

/// The eight vectors of nibbles.
#[inline(always)]
unsafe fn nibbles<S: Isa>(at: LanePointer) -> [S::Bytes; VECTORS] {
    // SAFETY: the caller has `NIBBLES` bytes a group at `at`, and the processor has `S`.
    unsafe {
        let mask = S::splat_byte(15);
        let mut w = [mask; VECTORS];
        for i in 0..VECTORS / 2 {
            let packed = S::bytes(at.add(i * VECTOR));
            w[i] = S::and(packed, mask);
            w[i + VECTORS / 2] = S::and(S::shr::<4>(packed), mask);
        }
        w
    }
}

/// Joins nibbles with their fifth bits.
#[inline(always)]
unsafe fn with_fifth<S: Isa>(mut w: [S::Bytes; VECTORS], at: LanePointer) -> [S::Bytes; VECTORS] {
    // SAFETY: the caller has a vector a group at `at`, and the processor has `S`.
    unsafe {
        let (bits, mask) = (S::bytes(at), S::splat_byte(16));
        let in_place = [
            bits,
            S::shr::<1>(bits),
            S::shr::<2>(bits),
            S::shr::<3>(bits),
            S::shl::<1>(bits),
            S::shl::<2>(bits),
            S::shl::<3>(bits),
            S::shl::<4>(bits),
        ];
        for (w, bits) in w.iter_mut().zip(in_place) {
            *w = S::or(*w, S::and(bits, mask));
        }
        w
    }
}
