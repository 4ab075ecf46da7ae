//! Q8_0: blocks of 32 signed bytes with one scale.

use super::*;

/// 8 bits, signed.
///
/// # Shapes
/// `[d: 8 halves][8 vectors]`.
pub(in super::super) struct Q8;

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
        unsafe { Self::unpack_signed::<S>(at, (), 0).for_products() }
    }

    #[inline(always)]
    unsafe fn unpack_signed<S: Isa>(at: LanePointer, (): (), _: usize) -> SignedSubBlock<S> {
        // SAFETY: the caller has a packed block of each group at `at` and an index within it, and the processor has `S`.
        unsafe {
            let at_weights = at.add(HALVES);
            let mut w = [S::bytes(at_weights); VECTORS];
            for (i, w) in w.iter_mut().enumerate() {
                *w = S::bytes(at_weights.add(i * VECTOR));
            }
            SignedSubBlock { w, scale: S::from_f16(at) }
        }
    }
}
