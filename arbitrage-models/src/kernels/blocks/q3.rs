//! Q3, our own: blocks of 32 with one scale.

use super::*;

/// 3 bits, from −4 to 3.
///
/// # Shapes
/// `[d: 8 halves][3 vectors]`. Vector `i` of the three holds vectors `2i` and `2i + 1` of the sub-block in its bits 0–2 and
/// 3–5. Bits 6–7 are the low two bits of vector 6, those of vector 7, and the third bits of both: 19 operations unpack all
/// eight, where two bits here and one there would take 37.
pub(in super::super) struct Q3;

const SPILLED: usize = 6;

/// The quantised number in column `column` of a block of the file.
fn quant(block: &[u8], column: usize) -> u8 {
    let bytes = &block[2 + column / 8 * 3..][..3];
    let bits = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
    (bits >> (column % 8 * 3) & 7) as u8
}

impl Blocks for Q3 {
    const COLUMNS: usize = BLOCK;
    const FILE_BYTES: usize = 14;
    const BYTES: usize = HALVES + 3 * VECTOR;
    type Head<S: Isa> = ();
    type Sub<S: Isa> = Affine<S>;

    fn pack(rows: [&[u8]; LANES], out: &mut [u8]) {
        pack_halves(rows, 0, out);
        for (row, block) in rows.iter().enumerate() {
            for column in 0..BLOCK {
                let q = quant(block, column);
                let (vector, byte) = place(row, column);
                let mut put = |at: usize, bits: u8| out[HALVES + at * VECTOR + byte] |= bits;
                if vector < SPILLED {
                    put(vector / 2, q << (vector % 2 * 3));
                } else {
                    put(vector - SPILLED, q << 6);
                    put(2, q >> 2 << vector);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn head<S: Isa>(_: *const u8) {}

    #[inline(always)]
    unsafe fn unpack<S: Isa>(at: *const u8, (): (), _: usize) -> Affine<S> {
        // SAFETY: the caller's promise.
        unsafe {
            let [a, b, c] =
                [S::bytes(at.add(HALVES)), S::bytes(at.add(HALVES + VECTOR)), S::bytes(at.add(HALVES + 2 * VECTOR))];
            let (three, two, third) = (S::splat_byte(7), S::splat_byte(3), S::splat_byte(4));
            let w = [
                S::and(a, three),
                S::and(S::shr::<3>(a), three),
                S::and(b, three),
                S::and(S::shr::<3>(b), three),
                S::and(c, three),
                S::and(S::shr::<3>(c), three),
                S::or(S::and(S::shr::<6>(a), two), S::and(S::shr::<4>(c), third)),
                S::or(S::and(S::shr::<6>(b), two), S::and(S::shr::<5>(c), third)),
            ];
            let scale = S::from_f16(at);
            Affine { w, scale, offset: S::mul(scale, S::splat(-4.0)) }
        }
    }

    #[inline(always)]
    unsafe fn accumulate<S: Isa>(sub: &Affine<S>, a: *const i8, info: &Info, sums: S::Floats) -> S::Floats {
        // SAFETY: the caller's promise.
        unsafe { sub.accumulate::<3>(a, info, sums) }
    }
}
