//! Q3_K: blocks of 256 with a signed scale of 6 bits every 16.

use super::*;

/// 3 bits, from −4 to 3.
///
/// # Shapes
/// `[d: 8 halves][scales: 16 × 8 bytes]`, then for each of eight sub-blocks `[third bits: a vector][bit pairs: 2 vectors]`. Vector `j` has
/// its third bits at bit `j`. Scales are widened to bytes: 4% more to read than in the file.
pub(in super::super) struct Q3K;

const SUBS: usize = 8;
const SCALES: usize = HALVES;
const FIRST: usize = SCALES + 2 * SUBS * LANES;
const SUB: usize = VECTOR + PAIRS;
const FILE_PAIRS: usize = 32;
const FILE_SCALES: usize = 96;
const FILE_D: usize = 108;

/// The numbers of sub-block `sub` of a block of the file, from 0 to 7.
fn quants(block: &[u8], sub: usize) -> Words {
    let thirds: Words = words(&block.as_chunks::<BLOCK>().0[0]);
    let pairs: Words = words(&block[FILE_PAIRS..].as_chunks::<BLOCK>().0[sub / 4]);
    std::array::from_fn(|v| pairs[v] >> (sub % 4 * 2) & BITS_01 | (thirds[v] >> sub & BIT_0) << 2)
}

/// Packs the third bits of a row's numbers.
fn pack_thirds(out: &mut [u8], row: usize, q: &Words) {
    put_words(out, row, [(0..VECTORS).fold(0, |word, v| word | (q[v] >> 2 & BIT_0) << v)]);
}

/// Joins bit pairs with their third bits. Written out, as all that operations of [`Isa`] go through.
#[inline(always)]
unsafe fn with_third<S: Isa>([first, second]: [[S::Bytes; 4]; 2], bits: S::Bytes) -> [[S::Bytes; 4]; 2] {
    // SAFETY: the caller has a processor with `S`.
    unsafe {
        let mask = S::splat_byte(4);
        let ([a, b, c, d], [e, f, g, h]) = (first, second);
        [
            [
                S::or(a, S::and(S::shl::<2>(bits), mask)),
                S::or(b, S::and(S::shl::<1>(bits), mask)),
                S::or(c, S::and(bits, mask)),
                S::or(d, S::and(S::shr::<1>(bits), mask)),
            ],
            [
                S::or(e, S::and(S::shr::<2>(bits), mask)),
                S::or(f, S::and(S::shr::<3>(bits), mask)),
                S::or(g, S::and(S::shr::<4>(bits), mask)),
                S::or(h, S::and(S::shr::<5>(bits), mask)),
            ],
        ]
    }
}

impl BlockFormat for Q3K {
    const COLUMNS: usize = SUBS * BLOCK;
    const FILE_BYTES: usize = 110;
    const BYTES: usize = FIRST + SUBS * SUB;
    /// `d`.
    type Header<S: Isa> = S::Floats;
    type SubBlock<S: Isa> = HalvesSubBlock<S, 3>;

    fn pack(rows: [&[u8]; LANES], out: &mut [u8]) {
        pack_halves(rows, FILE_D, out);
        for (row, block) in rows.iter().enumerate() {
            let scales = crate::weights::blocks::q3_k_scales(&block[FILE_SCALES..FILE_D]);
            for (group, scale) in scales.into_iter().enumerate() {
                out[SCALES + group * LANES + row] = scale.cast_unsigned();
            }
            for sub in 0..SUBS {
                let (q, at) = (quants(block, sub), FIRST + sub * SUB);
                pack_thirds(&mut out[at..], row, &q);
                pack_pairs(&mut out[at + VECTOR..], row, &q, 0);
            }
        }
    }

    #[inline(always)]
    unsafe fn header<S: Isa>(at: LanePointer) -> S::Floats {
        // SAFETY: the caller has a packed block of each group at `at`, and the processor has `S`.
        unsafe { S::from_f16(at) }
    }

    #[inline(always)]
    unsafe fn unpack<S: Isa>(at: LanePointer, d: S::Floats, index: usize) -> HalvesSubBlock<S, 3> {
        // SAFETY: the caller has a packed block of each group at `at` and an index within it, and the processor has `S`.
        unsafe {
            let sub = at.add(FIRST + index * SUB);
            let w = with_third::<S>(pairs::<S>(sub.add(VECTOR)), S::bytes(sub));
            HalvesSubBlock::signed(w, d, at.add(SCALES + 2 * index * LANES), -4.0)
        }
    }
}
