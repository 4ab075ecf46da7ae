//! Products with weights in floating point.

use super::ProductTask;
use crate::kernels::isa::{Isa, LANES, LanePointer};

/// Rows, or vectors of a single row, that a tile of floats holds.
const WIDE: usize = 4;

impl ProductTask<'_> {
    /// One row of activations meets four vectors of weights at a time, several rows meet two: either way eight sums or so run
    /// side by side.
    #[inline(always)]
    pub(super) unsafe fn floats<S: Isa, F: FloatFormat>(self) {
        // SAFETY: the caller has a processor with `S`, and an output with room for the task's groups.
        unsafe {
            if self.input.rows == 1 {
                self.strips::<S, F, WIDE>();
            } else {
                self.strips::<S, F, 2>();
            }
        }
    }

    /// Strips of `V` vectors, then what is left of them one by one.
    #[inline(always)]
    unsafe fn strips<S: Isa, F: FloatFormat, const V: usize>(self) {
        let whole = self.to - (self.to - self.from) % (V * S::GROUPS);
        // SAFETY: all groups are the task's. The caller has a processor with `S`, and an output with room for them.
        unsafe {
            for group in (self.from..whole).step_by(V * S::GROUPS) {
                self.strip::<S, F, V>(group);
            }
            for group in (whole..self.to).step_by(S::GROUPS) {
                self.strip::<S, F, 1>(group);
            }
        }
    }

    /// `V` vectors of weights by all rows of activations. Every tile sums a result in the same order.
    #[inline(always)]
    unsafe fn strip<S: Isa, F: FloatFormat, const V: usize>(self, group: usize) {
        let rows = self.input.rows;
        let whole = rows - rows % WIDE;
        // SAFETY: the input has these rows. The caller has a processor with `S`, and `V` vectors of groups of the task.
        unsafe {
            for row in (0..whole).step_by(WIDE) {
                self.tile::<S, F, V, WIDE>(group, row);
            }
            for row in whole..rows {
                self.tile::<S, F, V, 1>(group, row);
            }
        }
    }

    /// `V` vectors of weights by `R` rows of activations, with all sums in registers.
    #[inline(always)]
    unsafe fn tile<S: Isa, F: FloatFormat, const V: usize, const R: usize>(self, group: usize, row: usize) {
        let cols = self.input.cols;
        // SAFETY: the caller has `R` rows of `cols` activations from `row` on, `V` vectors of groups of the task, which have
        // as many columns, and a processor with `S`.
        unsafe {
            let mut sums = [[S::zero(); R]; V];
            let x = self.input.x.as_ptr().add(row * cols);
            for column in 0..cols {
                for (v, sums) in sums.iter_mut().enumerate() {
                    let weights = self.product.matrix.group(group + v * S::GROUPS);
                    let w = F::load::<S>(weights.add(column * LANES * F::BYTES));
                    for (r, sum) in sums.iter_mut().enumerate() {
                        *sum = S::mul_add(w, S::splat(*x.add(r * cols + column)), *sum);
                    }
                }
            }
            for (v, sums) in sums.iter().enumerate() {
                for (r, sum) in sums.iter().enumerate() {
                    self.store::<S>(*sum, group + v * S::GROUPS, row + r);
                }
            }
        }
    }
}

/// A float format of weights.
pub(super) trait FloatFormat {
    const BYTES: usize;
    /// Eight numbers a group.
    ///
    /// # Safety
    /// `at` points to eight numbers of this format in each group that `S` spans; the processor has `S`.
    unsafe fn load<S: Isa>(at: LanePointer) -> S::Floats;
}

pub(super) struct F32;
pub(super) struct F16;
pub(super) struct Bf16;

impl FloatFormat for F32 {
    const BYTES: usize = 4;
    #[inline(always)]
    unsafe fn load<S: Isa>(at: LanePointer) -> S::Floats {
        // SAFETY: the caller has eight numbers a group at `at`, and the processor has `S`.
        unsafe { S::floats(at) }
    }
}

impl FloatFormat for F16 {
    const BYTES: usize = 2;
    #[inline(always)]
    unsafe fn load<S: Isa>(at: LanePointer) -> S::Floats {
        // SAFETY: the caller has eight numbers a group at `at`, and the processor has `S`.
        unsafe { S::from_f16(at) }
    }
}

impl FloatFormat for Bf16 {
    const BYTES: usize = 2;
    #[inline(always)]
    unsafe fn load<S: Isa>(at: LanePointer) -> S::Floats {
        // SAFETY: the caller has eight numbers a group at `at`, and the processor has `S`.
        unsafe { S::from_bf16(at) }
    }
}
