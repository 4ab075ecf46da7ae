//! Q6_K: blocks of 256 with a signed scale of 8 bits every 16.

use super::*;

/// 6 bits, from −32 to 31.
///
/// # Shapes
/// `[d: 8 halves][scales: 16 × 8 bytes]`, then for each of eight sub-blocks `[upper bits: 2 vectors][nibbles: 4 vectors]`.
/// Vector `j` has its upper two bits at bits `2 · (j % 4)` of upper vector `j / 4`.
pub(in super::super) struct Q6K;

const SUBS: usize = 8;
const SCALES: usize = HALVES;
const FIRST: usize = SCALES + 2 * SUBS * LANES;
/// Where the upper two bits lie in a block of the file.
const FILE_UPPER: usize = 128;
const UPPER: usize = PAIRS;
const SUB: usize = UPPER + NIBBLES;

/// The numbers of sub-block `sub` of a block of the file, from 0 to 63.
fn quants(block: &[u8], sub: usize) -> Words {
    let (half, quarter) = (sub / 4, sub % 4);
    let nibbles: Words = words(&block.as_chunks::<BLOCK>().0[half * 2 + quarter % 2]);
    let upper: Words = words(&block[FILE_UPPER..].as_chunks::<BLOCK>().0[half]);
    std::array::from_fn(|v| {
        let nibble = nibbles[v] >> (quarter / 2 * 4) & LOW_NIBBLES;
        nibble | (upper[v] >> (quarter * 2) & BITS_01) << 4
    })
}

/// Joins nibbles with their upper two bits. Written out, since a closure that goes through `std::array::from_fn` is not always compiled
/// into the kernel, and what it calls is then compiled without the kernel's instruction set.
#[inline(always)]
unsafe fn with_upper<S: Isa>([a, b, c, d]: [S::Bytes; 4], upper: S::Bytes) -> [S::Bytes; 4] {
    // SAFETY: the caller has a processor with `S`.
    unsafe {
        let mask = S::splat_byte(0x30);
        [
            S::or(a, S::and(S::shl::<4>(upper), mask)),
            S::or(b, S::and(S::shl::<2>(upper), mask)),
            S::or(c, S::and(upper, mask)),
            S::or(d, S::and(S::shr::<2>(upper), mask)),
        ]
    }
}

impl BlockFormat for Q6K {
    const COLUMNS: usize = SUBS * BLOCK;
    const FILE_BYTES: usize = 210;
    const BYTES: usize = FIRST + SUBS * SUB;
    /// `d`.
    type Header<S: Isa> = S::Floats;
    type SubBlock<S: Isa> = HalvesSubBlock<S, 6>;

    fn pack(rows: [&[u8]; LANES], out: &mut [u8]) {
        pack_halves(rows, 208, out);
        for (row, block) in rows.iter().enumerate() {
            for (group, scale) in block[192..208].iter().enumerate() {
                out[SCALES + group * LANES + row] = *scale;
            }
            for sub in 0..SUBS {
                let (q, at) = (quants(block, sub), FIRST + sub * SUB);
                pack_pairs(&mut out[at..], row, &q, 4);
                pack_nibbles(&mut out[at + UPPER..], row, &q);
            }
        }
    }

    #[inline(always)]
    unsafe fn header<S: Isa>(at: LanePointer) -> S::Floats {
        // SAFETY: the caller has a packed block of each group at `at`, and the processor has `S`.
        unsafe { S::from_f16(at) }
    }

    #[inline(always)]
    unsafe fn unpack<S: Isa>(at: LanePointer, d: S::Floats, index: usize) -> HalvesSubBlock<S, 6> {
        // SAFETY: the caller has a packed block of each group at `at` and an index within it, and the processor has `S`.
        unsafe {
            let sub = at.add(FIRST + index * SUB);
            let [a, b, c, d0, e, f, g, h] = nibbles::<S>(sub.add(UPPER));
            let first = with_upper::<S>([a, b, c, d0], S::bytes(sub));
            let w = [first, with_upper::<S>([e, f, g, h], S::bytes(sub.add(VECTOR)))];
            HalvesSubBlock::signed(w, d, at.add(SCALES + 2 * index * LANES), -32.0)
        }
    }
}
