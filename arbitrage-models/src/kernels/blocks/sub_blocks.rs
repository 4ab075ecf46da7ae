//! 32 columns of a group's rows, unpacked, in the forms that formats share.

use super::super::activations::BlockScale;
use super::{BLOCK, Isa, LANES, LanePointer, VECTORS};

/// 32 columns of a group's rows, unpacked.
pub(in super::super) trait SubBlock<S: Isa>: Copy {
    /// Adds the products with 32 activations to `sums`.
    ///
    /// # Safety
    /// 32 activations lie at `a`, and `scale` is theirs; the processor has `S`.
    unsafe fn accumulate(&self, a: *const i8, scale: &BlockScale, sums: S::Floats) -> S::Floats;
}

/// A sub-block with one scale a row, so that all 32 columns are summed in integers: by tiles, too.
pub(in super::super) trait OneScale<S: Isa>: SubBlock<S> {
    /// The eight vectors of weights, one behind the other.
    fn weights(&self) -> *const S::Bytes;

    /// Scales the products with 32 activations, summed a lane, adds the offsets times the activations, and adds that to `sums`.
    ///
    /// # Safety
    /// The processor has `S`.
    unsafe fn add_scaled(&self, products: S::Ints, scale: &BlockScale, sums: S::Floats) -> S::Floats;
}

/// 32 columns of 4 bits, or 5 where `FIVE`, with one scale and one offset a row.
#[derive(Clone, Copy)]
pub(in super::super) struct AffineSubBlock<S: Isa, const FIVE: bool> {
    pub w: [S::Bytes; VECTORS],
    pub scale: S::Floats,
    /// Negative: it is added.
    pub offset: S::Floats,
}

impl<S: Isa, const FIVE: bool> SubBlock<S> for AffineSubBlock<S, FIVE> {
    #[inline(always)]
    unsafe fn accumulate(&self, a: *const i8, scale: &BlockScale, sums: S::Floats) -> S::Floats {
        // SAFETY: the caller has 32 activations at `a`, and the processor has `S`.
        unsafe {
            let products = if FIVE { S::dot::<5, VECTORS>(&self.w, a) } else { S::dot::<4, VECTORS>(&self.w, a) };
            self.add_scaled(products, scale, sums)
        }
    }
}

impl<S: Isa, const FIVE: bool> OneScale<S> for AffineSubBlock<S, FIVE> {
    #[inline(always)]
    fn weights(&self) -> *const S::Bytes {
        self.w.as_ptr()
    }

    #[inline(always)]
    unsafe fn add_scaled(&self, products: S::Ints, scale: &BlockScale, sums: S::Floats) -> S::Floats {
        // SAFETY: the caller has a processor with `S`.
        unsafe {
            // The offset first: it waits for nothing, while the products come late.
            let sums = S::mul_add(self.offset, S::splat(scale.sum), sums);
            S::mul_add(S::to_floats(products), S::mul(self.scale, S::splat(scale.scale)), sums)
        }
    }
}

/// 32 columns of `BITS` bits whose two halves have a scale and an offset each.
#[derive(Clone, Copy)]
pub(in super::super) struct HalvesSubBlock<S: Isa, const BITS: u32> {
    pub w: [[S::Bytes; VECTORS / 2]; 2],
    pub scales: [S::Floats; 2],
    /// Added for each activation.
    pub offsets: [S::Floats; 2],
}

impl<S: Isa, const BITS: u32> HalvesSubBlock<S, BITS> {
    /// With scales that are `d` times the signed bytes at `scales`, eight for each half, and zero at `-middle`.
    #[inline(always)]
    pub(super) unsafe fn signed(
        w: [[S::Bytes; VECTORS / 2]; 2],
        d: S::Floats,
        scales: LanePointer,
        middle: f32,
    ) -> Self {
        // SAFETY: the caller has 16 bytes a group at `scales`, and the processor has `S`.
        unsafe {
            let middle = S::splat(middle);
            let scales = [S::mul(d, S::from_i8(scales)), S::mul(d, S::from_i8(scales.add(LANES)))];
            Self { w, scales, offsets: [S::mul(scales[0], middle), S::mul(scales[1], middle)] }
        }
    }
}

impl<S: Isa, const BITS: u32> SubBlock<S> for HalvesSubBlock<S, BITS> {
    #[inline(always)]
    unsafe fn accumulate(&self, a: *const i8, scale: &BlockScale, sums: S::Floats) -> S::Floats {
        // SAFETY: the caller has 32 activations at `a`, and the processor has `S`.
        unsafe {
            let sums = S::mul_add(self.offsets[0], S::splat(scale.half_sums[0]), sums);
            let sums = S::mul_add(self.offsets[1], S::splat(scale.half_sums[1]), sums);
            let first = S::to_floats(S::dot::<BITS, 4>(&self.w[0], a));
            let second = S::to_floats(S::dot::<BITS, 4>(&self.w[1], a.add(BLOCK / 2)));
            let products = S::mul_add(first, self.scales[0], S::mul(second, self.scales[1]));
            S::mul_add(products, S::splat(scale.scale), sums)
        }
    }
}

/// 32 columns of signed bytes and their scale.
#[derive(Clone, Copy)]
pub(in super::super) struct SignedSubBlock<S: Isa> {
    pub w: [S::Bytes; VECTORS],
    pub scale: S::Floats,
}

impl<S: Isa> SignedSubBlock<S> {
    /// With the bytes in the form that [`Isa::dot_signed`] takes.
    #[inline(always)]
    pub(super) unsafe fn for_products(mut self) -> Self {
        for w in &mut self.w {
            // SAFETY: the caller has a processor with `S`.
            *w = unsafe { S::signed_weights(*w) };
        }
        self
    }
}

impl<S: Isa> SubBlock<S> for SignedSubBlock<S> {
    #[inline(always)]
    unsafe fn accumulate(&self, a: *const i8, scale: &BlockScale, sums: S::Floats) -> S::Floats {
        // SAFETY: the caller has 32 activations at `a`, and the processor has `S`.
        unsafe { self.add_scaled(S::dot_signed(&self.w, a, scale.byte_sum), scale, sums) }
    }
}

impl<S: Isa> OneScale<S> for SignedSubBlock<S> {
    #[inline(always)]
    fn weights(&self) -> *const S::Bytes {
        self.w.as_ptr()
    }

    #[inline(always)]
    unsafe fn add_scaled(&self, products: S::Ints, scale: &BlockScale, sums: S::Floats) -> S::Floats {
        // SAFETY: the caller has a processor with `S`.
        unsafe { S::mul_add(S::to_floats(products), S::mul(self.scale, S::splat(scale.scale)), sums) }
    }
}
