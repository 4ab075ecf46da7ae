//! Q4_K and Q5_K: blocks of 256 with a scale and a minimum of 6 bits every 32.

use super::*;

/// 4 bits, or 5 where `FIVE`.
///
/// # Shapes
/// `[d: 8 halves][dmin: 8 halves][scales: 8 sub-blocks × 8 bytes][minima: the same]`, then for each sub-block
/// `[fifth bits: a vector, if FIVE][nibbles: 4 vectors]`. Scales are widened to bytes: 3% more to read than in the file,
/// against an unpacking that takes as long as the products.
pub(in super::super) struct KQuant<const FIVE: bool>;

const SUBS: usize = 8;
const SCALES: usize = 2 * HALVES;
const MINIMA: usize = SCALES + SUBS * LANES;
const FIRST: usize = MINIMA + SUBS * LANES;
/// Where the fifth bits of Q5_K lie in a block of the file.
const FILE_FIFTHS: usize = 16;

impl<const FIVE: bool> KQuant<FIVE> {
    const FILE_NIBBLES: usize = if FIVE { 48 } else { 16 };
    const SUB_NIBBLES: usize = if FIVE { VECTOR } else { 0 };
    const SUB: usize = Self::SUB_NIBBLES + NIBBLES;

    /// The numbers of sub-block `sub` of a block of the file.
    fn quants(block: &[u8], sub: usize) -> Words {
        let nibbles: Words = words(&block[Self::FILE_NIBBLES..].as_chunks::<BLOCK>().0[sub / 2]);
        let nibbles = nibbles.map(|word| word >> (sub % 2 * 4) & LOW_NIBBLES);
        if !FIVE {
            return nibbles;
        }
        let fifths: Words = words(&block[FILE_FIFTHS..].as_chunks::<BLOCK>().0[0]);
        std::array::from_fn(|v| nibbles[v] | (fifths[v] >> sub & BIT_0) << 4)
    }
}

impl<const FIVE: bool> BlockFormat for KQuant<FIVE> {
    const COLUMNS: usize = SUBS * BLOCK;
    const FILE_BYTES: usize = Self::FILE_NIBBLES + 128;
    const BYTES: usize = FIRST + SUBS * Self::SUB;
    /// `d` and `−dmin`.
    type Header<S: Isa> = [S::Floats; 2];
    type SubBlock<S: Isa> = AffineSubBlock<S, FIVE>;

    fn pack(rows: [&[u8]; LANES], out: &mut [u8]) {
        pack_halves(rows, 0, out);
        pack_halves(rows, 2, &mut out[HALVES..2 * HALVES]);
        for (row, block) in rows.iter().enumerate() {
            for sub in 0..SUBS {
                let (scale, min) = crate::weights::blocks::scale_and_min(&block[4..16], sub);
                out[SCALES + sub * LANES + row] = scale;
                out[MINIMA + sub * LANES + row] = min;
                let (q, at) = (Self::quants(block, sub), FIRST + sub * Self::SUB);
                pack_nibbles(&mut out[at + Self::SUB_NIBBLES..], row, &q);
                if FIVE {
                    pack_fifths(&mut out[at..], row, &q);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn header<S: Isa>(at: LanePointer) -> [S::Floats; 2] {
        // SAFETY: the caller has a packed block of each group at `at`, and the processor has `S`.
        unsafe { [S::from_f16(at), S::mul(S::from_f16(at.add(HALVES)), S::splat(-1.0))] }
    }

    #[inline(always)]
    unsafe fn unpack<S: Isa>(at: LanePointer, [d, dmin]: [S::Floats; 2], index: usize) -> AffineSubBlock<S, FIVE> {
        // SAFETY: the caller has a packed block of each group at `at` and an index within it, and the processor has `S`.
        unsafe {
            let sub = at.add(FIRST + index * Self::SUB);
            let w = nibbles::<S>(sub.add(Self::SUB_NIBBLES));
            let w = if FIVE { with_fifth::<S>(w, sub) } else { w };
            let scale = S::mul(d, S::from_u8(at.add(SCALES + index * LANES)));
            let offset = S::mul(dmin, S::from_u8(at.add(MINIMA + index * LANES)));
            AffineSubBlock { w, scale, offset }
        }
    }
}
