//! Q4_0, Q4_1, Q5_0, Q5_1 and INT4: blocks of 32 with one scale, a minimum in the `_1` formats, and a zero in INT4.

use super::*;

/// Where a block's numbers have their zero: in the middle of the range, at a minimum that is stored, or at a number that is stored.
pub(in super::super) const MIDDLE: u8 = 0;
pub(in super::super) const MINIMUM: u8 = 1;
pub(in super::super) const ZERO: u8 = 2;

/// 4 bits, or 5 where `FIVE`.
///
/// # Shapes
/// `[d: 8 halves][minima or zeros: 8 halves, unless in the middle][fifth bits: a vector, if FIVE][nibbles: 4 vectors]`.
pub(in super::super) struct LegacyQuant<const FIVE: bool, const OFFSET: u8>;

impl<const FIVE: bool, const OFFSET: u8> LegacyQuant<FIVE, OFFSET> {
    const FILE_FIFTH: usize = if OFFSET == MIDDLE { 2 } else { 4 };
    const FILE_NIBBLES: usize = Self::FILE_FIFTH + if FIVE { 4 } else { 0 };
    const FIFTH: usize = if OFFSET == MIDDLE { HALVES } else { 2 * HALVES };
    const NIBBLES: usize = Self::FIFTH + if FIVE { VECTOR } else { 0 };

    /// The numbers of a block of the file.
    fn quants(block: &[u8]) -> Words {
        let nibbles: [u32; VECTORS / 2] = words(&block[Self::FILE_NIBBLES..].as_chunks::<{ BLOCK / 2 }>().0[0]);
        let fifths = if FIVE { u32::from_le_bytes(block[Self::FILE_FIFTH..].as_chunks::<4>().0[0]) } else { 0 };
        std::array::from_fn(|v| {
            let nibbles = nibbles[v % 4] >> (v / 4 * 4) & LOW_NIBBLES;
            nibbles | spread(fifths >> (v * 4) & 15) << 4
        })
    }
}

/// Four bits, each in the lowest bit of a byte of its own.
fn spread(bits: u32) -> u32 {
    (bits * 0x0020_4081) & BIT_0
}

impl<const FIVE: bool, const OFFSET: u8> BlockFormat for LegacyQuant<FIVE, OFFSET> {
    const COLUMNS: usize = BLOCK;
    const FILE_BYTES: usize = Self::FILE_NIBBLES + 16;
    const BYTES: usize = Self::NIBBLES + NIBBLES;
    type Header<S: Isa> = ();
    type SubBlock<S: Isa> = AffineSubBlock<S, FIVE>;

    fn pack(rows: [&[u8]; LANES], out: &mut [u8]) {
        pack_halves(rows, 0, out);
        if OFFSET != MIDDLE {
            pack_halves(rows, 2, &mut out[HALVES..2 * HALVES]);
        }
        for (row, block) in rows.iter().enumerate() {
            let q = Self::quants(block);
            pack_nibbles(&mut out[Self::NIBBLES..], row, &q);
            if FIVE {
                pack_fifths(&mut out[Self::FIFTH..], row, &q);
            }
        }
    }

    #[inline(always)]
    unsafe fn header<S: Isa>(_: LanePointer) {}

    #[inline(always)]
    unsafe fn unpack<S: Isa>(at: LanePointer, (): (), _: usize) -> AffineSubBlock<S, FIVE> {
        // SAFETY: the caller has a packed block of each group at `at` and an index within it, and the processor has `S`.
        unsafe {
            let w = nibbles::<S>(at.add(Self::NIBBLES));
            let w = if FIVE { with_fifth::<S>(w, at.add(Self::FIFTH)) } else { w };
            let scale = S::from_f16(at);
            let offset = match OFFSET {
                MINIMUM => S::from_f16(at.add(HALVES)),
                ZERO => S::mul(S::mul(scale, S::from_f16(at.add(HALVES))), S::splat(-1.0)),
                _ => S::mul(scale, S::splat(if FIVE { -16.0 } else { -8.0 })),
            };
            AffineSubBlock { w, scale, offset }
        }
    }
}
