//! Q8_0: blocks of 32 signed bytes with one scale.

use super::*;

/// 8 bits, signed.
///
/// # Shapes
/// `[d: 8 halves][8 vectors]`.
pub(in super::super) struct Q8;

/// 32 columns and their scale.
#[derive(Clone, Copy)]
pub(in super::super) struct SignedSubBlock<S: Isa> {
    w: [S::Bytes; VECTORS],
    scale: S::Floats,
}

impl BlockFormat for Q8 {
    const COLUMNS: usize = BLOCK;
    const FILE_BYTES: usize = 34;
    const BYTES: usize = HALVES + VECTORS * VECTOR;
    type Header<S: Isa> = ();
    type SubBlock<S: Isa> = SignedSubBlock<S>;

    fn pack(rows: [&[u8]; LANES], out: &mut [u8]) {
        pack_halves(rows, 0, out);
        for (row, block) in rows.iter().enumerate() {
            let q: Words = words(&block[2..].as_chunks::<BLOCK>().0[0]);
            put_words(&mut out[HALVES..], row, q);
        }
    }

    #[inline(always)]
    unsafe fn header<S: Isa>(_: LanePointer) {}

    #[inline(always)]
    unsafe fn unpack<S: Isa>(at: LanePointer, (): (), _: usize) -> SignedSubBlock<S> {
        // SAFETY: the caller has a packed block of each group at `at` and an index within it, and the processor has `S`.
        unsafe {
            let load = |i: usize| S::signed_weights(S::bytes(at.add(HALVES + i * VECTOR)));
            let w = [load(0), load(1), load(2), load(3), load(4), load(5), load(6), load(7)];
            SignedSubBlock { w, scale: S::from_f16(at) }
        }
    }

    #[inline(always)]
    unsafe fn accumulate<S: Isa>(
        sub: &SignedSubBlock<S>,
        a: *const i8,
        scale: &BlockScale,
        sums: S::Floats,
    ) -> S::Floats {
        // SAFETY: the caller has 32 activations at `a`, and the processor has `S`.
        unsafe {
            let products = S::to_floats(S::dot_signed(&sub.w, a, scale.byte_sum));
            S::mul_add(products, S::mul(sub.scale, S::splat(scale.scale)), sums)
        }
    }
}
