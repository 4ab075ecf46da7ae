//! Q8_0: blocks of 32 signed bytes with one scale.

use super::*;

/// 8 bits, signed.
///
/// # Shapes
/// `[d: 8 halves][8 vectors]`.
pub(in super::super) struct Q8;

/// 32 columns and their scale.
#[derive(Clone, Copy)]
pub(in super::super) struct Signed<S: Isa> {
    w: [S::Bytes; VECTORS],
    scale: S::Floats,
}

impl Blocks for Q8 {
    const COLUMNS: usize = BLOCK;
    const FILE_BYTES: usize = 34;
    const BYTES: usize = HALVES + VECTORS * VECTOR;
    type Head<S: Isa> = ();
    type Sub<S: Isa> = Signed<S>;

    fn pack(rows: [&[u8]; LANES], out: &mut [u8]) {
        pack_halves(rows, 0, out);
        for (row, block) in rows.iter().enumerate() {
            for (column, q) in block[2..].iter().enumerate() {
                let (vector, byte) = place(row, column);
                out[HALVES + vector * VECTOR + byte] = *q;
            }
        }
    }

    #[inline(always)]
    unsafe fn head<S: Isa>(_: *const u8) {}

    #[inline(always)]
    unsafe fn unpack<S: Isa>(at: *const u8, (): (), _: usize) -> Signed<S> {
        // SAFETY: the caller's promise.
        unsafe {
            let load = |i: usize| S::bytes(at.add(HALVES + i * VECTOR));
            let w = [load(0), load(1), load(2), load(3), load(4), load(5), load(6), load(7)];
            Signed { w, scale: S::from_f16(at) }
        }
    }

    #[inline(always)]
    unsafe fn accumulate<S: Isa>(sub: &Signed<S>, a: *const i8, info: &Info, sums: S::Floats) -> S::Floats {
        // SAFETY: the caller's promise.
        unsafe {
            let products = S::to_floats(S::dot::<8, VECTORS>(&sub.w, a));
            S::mul_add(products, S::mul(sub.scale, S::splat(info.scale)), sums)
        }
    }
}
