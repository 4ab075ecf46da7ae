//! IQ4_NL and IQ4_XS: nibbles that choose among sixteen signed numbers.

use super::*;
use crate::weights::blocks::{IQ4_NUMBERS, iq4_xs_scales};

/// Blocks of 256 with a signed scale of 6 bits every 32 where `WIDE` (IQ4_XS), else blocks of 32 with one scale (IQ4_NL).
///
/// # Shapes
/// `[d: 8 halves][scales: 8 × 8 bytes, if WIDE]`, then for each sub-block `[nibbles: 4 vectors]`. Scales are widened to bytes.
pub(in super::super) struct Iq4<const WIDE: bool>;

const SUBS: usize = 8;
const SCALES: usize = HALVES;
/// Bytes of a sub-block's nibbles in the file.
const FILE_SUB: usize = BLOCK / 2;

impl<const WIDE: bool> Iq4<WIDE> {
    const SUBS: usize = if WIDE { SUBS } else { 1 };
    const FIRST: usize = SCALES + if WIDE { SUBS * LANES } else { 0 };
    const FILE_NIBBLES: usize = if WIDE { 8 } else { 2 };

    /// The nibbles of sub-block `sub` of a block of the file.
    fn quants(block: &[u8], sub: usize) -> Words {
        let nibbles: [u32; VECTORS / 2] = words(&block[Self::FILE_NIBBLES..].as_chunks::<FILE_SUB>().0[sub]);
        std::array::from_fn(|v| nibbles[v % 4] >> (v / 4 * 4) & LOW_NIBBLES)
    }
}

impl<const WIDE: bool> BlockFormat for Iq4<WIDE> {
    const COLUMNS: usize = Self::SUBS * BLOCK;
    const FILE_BYTES: usize = Self::FILE_NIBBLES + Self::SUBS * FILE_SUB;
    const BYTES: usize = Self::FIRST + Self::SUBS * NIBBLES;
    /// `d`.
    type Header<S: Isa> = S::Floats;
    type SubBlock<S: Isa> = SignedSubBlock<S>;

    fn pack(rows: [&[u8]; LANES], out: &mut [u8]) {
        pack_halves(rows, 0, out);
        for (row, block) in rows.iter().enumerate() {
            if WIDE {
                for (sub, scale) in iq4_xs_scales(block).into_iter().enumerate() {
                    out[SCALES + sub * LANES + row] = scale.cast_unsigned();
                }
            }
            for sub in 0..Self::SUBS {
                pack_nibbles(&mut out[Self::FIRST + sub * NIBBLES..], row, &Self::quants(block, sub));
            }
        }
    }

    #[inline(always)]
    unsafe fn header<S: Isa>(at: LanePointer) -> S::Floats {
        // SAFETY: the caller has a packed block of each group at `at`, and the processor has `S`.
        unsafe { S::from_f16(at) }
    }

    #[inline(always)]
    unsafe fn unpack<S: Isa>(at: LanePointer, d: S::Floats, index: usize) -> SignedSubBlock<S> {
        // SAFETY: the caller upholds the same conditions.
        unsafe { Self::unpack_signed::<S>(at, d, index).for_products() }
    }

    #[inline(always)]
    unsafe fn unpack_signed<S: Isa>(at: LanePointer, d: S::Floats, index: usize) -> SignedSubBlock<S> {
        // SAFETY: the caller has a packed block of each group at `at` and an index within it, and the processor has `S`.
        unsafe {
            let mut w = nibbles::<S>(at.add(Self::FIRST + index * NIBBLES));
            for w in &mut w {
                *w = S::look_up(&IQ4_NUMBERS, *w);
            }
            let scale = if WIDE { S::mul(d, S::from_i8(at.add(SCALES + index * LANES))) } else { d };
            SignedSubBlock { w, scale }
        }
    }
}
