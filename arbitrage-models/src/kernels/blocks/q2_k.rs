//! Q2_K: blocks of 256 with a scale and a minimum of 4 bits every 16.

use super::*;

/// 2 bits.
///
/// # Shapes
/// `[d: 8 halves][dmin: 8 halves][scales and minima: 16 × 8 bytes]`, then for each of eight sub-blocks `[bit pairs: 2 vectors]`. A byte has
/// the scale in its low nibble, as in the file.
pub(in super::super) struct Q2K;

const SUBS: usize = 8;
const SCALES: usize = 2 * HALVES;
const FIRST: usize = SCALES + 2 * SUBS * LANES;
const FILE_PAIRS: usize = 16;
const FILE_D: usize = 80;
const FILE_DMIN: usize = 82;

/// The numbers of sub-block `sub` of a block of the file, from 0 to 3.
fn quants(block: &[u8], sub: usize) -> Words {
    let pairs: Words = words(&block[FILE_PAIRS..].as_chunks::<BLOCK>().0[sub / 4]);
    pairs.map(|word| word >> (sub % 4 * 2) & BITS_01)
}

impl BlockFormat for Q2K {
    const COLUMNS: usize = SUBS * BLOCK;
    const FILE_BYTES: usize = 84;
    const BYTES: usize = FIRST + SUBS * PAIRS;
    /// `d` and `−dmin`.
    type Header<S: Isa> = [S::Floats; 2];
    type SubBlock<S: Isa> = HalvesSubBlock<S, 2>;

    fn pack(rows: [&[u8]; LANES], out: &mut [u8]) {
        pack_halves(rows, FILE_D, out);
        pack_halves(rows, FILE_DMIN, &mut out[HALVES..2 * HALVES]);
        for (row, block) in rows.iter().enumerate() {
            for (group, byte) in block[..FILE_PAIRS].iter().enumerate() {
                out[SCALES + group * LANES + row] = *byte;
            }
            for sub in 0..SUBS {
                pack_pairs(&mut out[FIRST + sub * PAIRS..], row, &quants(block, sub), 0);
            }
        }
    }

    #[inline(always)]
    unsafe fn header<S: Isa>(at: LanePointer) -> [S::Floats; 2] {
        // SAFETY: the caller has a packed block of each group at `at`, and the processor has `S`.
        unsafe { [S::from_f16(at), S::mul(S::from_f16(at.add(HALVES)), S::splat(-1.0))] }
    }

    #[inline(always)]
    unsafe fn unpack<S: Isa>(at: LanePointer, [d, dmin]: [S::Floats; 2], index: usize) -> HalvesSubBlock<S, 2> {
        // SAFETY: the caller has a packed block of each group at `at` and an index within it, and the processor has `S`.
        unsafe {
            let w = pairs::<S>(at.add(FIRST + index * PAIRS));
            let scales = at.add(SCALES + 2 * index * LANES);
            let ([first, first_min], [second, second_min]) =
                (S::from_nibbles(scales), S::from_nibbles(scales.add(LANES)));
            HalvesSubBlock {
                w,
                scales: [S::mul(d, first), S::mul(d, second)],
                offsets: [S::mul(dmin, first_min), S::mul(dmin, second_min)],
            }
        }
    }
}
