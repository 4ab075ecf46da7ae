//! Plain Rust, for every processor: the reference of the other sets.

use half::{bf16, f16};

use super::{Isa, LANES};

/// No instruction set in particular.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

/// Bytes of a vector.
const BYTES: usize = 4 * LANES;

// SAFETY comments: every unsafe operation here reads or writes the number of values that `Isa` names, which the caller has
// promised to be there.
impl Isa for Portable {
    type Bytes = [u8; BYTES];
    type Ints = [i32; LANES];
    type Floats = [f32; LANES];

    #[inline(always)]
    unsafe fn prefetch(_: *const u8) {}

    #[inline(always)]
    unsafe fn bytes(at: *const u8) -> Self::Bytes {
        // SAFETY: 32 bytes are readable.
        unsafe { at.cast::<Self::Bytes>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn splat_byte(byte: u8) -> Self::Bytes {
        [byte; BYTES]
    }

    #[inline(always)]
    unsafe fn and(a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        std::array::from_fn(|i| a[i] & b[i])
    }

    #[inline(always)]
    unsafe fn or(a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        std::array::from_fn(|i| a[i] | b[i])
    }

    #[inline(always)]
    unsafe fn shr<const N: i32>(a: Self::Bytes) -> Self::Bytes {
        a.map(|byte| byte >> N)
    }

    #[inline(always)]
    unsafe fn shl<const N: i32>(a: Self::Bytes) -> Self::Bytes {
        a.map(|byte| byte << N)
    }

    #[inline(always)]
    unsafe fn dot<const BITS: u32, const N: usize>(w: &[Self::Bytes; N], a: *const i8) -> Self::Ints {
        let mut sums = [0; LANES];
        for (j, vector) in w.iter().enumerate() {
            // SAFETY: `4 · N` activations are readable.
            let a = unsafe { a.add(4 * j).cast::<[i8; 4]>().read_unaligned() };
            for (sum, row) in sums.iter_mut().zip(vector.as_chunks::<4>().0) {
                for (w, a) in row.iter().zip(a) {
                    let w = if BITS == 8 { i32::from(w.cast_signed()) } else { i32::from(*w) };
                    *sum += w * i32::from(a);
                }
            }
        }
        sums
    }

    #[inline(always)]
    unsafe fn to_floats(a: Self::Ints) -> Self::Floats {
        a.map(|value| value as f32)
    }

    #[inline(always)]
    unsafe fn zero() -> Self::Floats {
        [0.0; LANES]
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::Floats {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn floats(at: *const f32) -> Self::Floats {
        // SAFETY: eight numbers are readable.
        unsafe { at.cast::<Self::Floats>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn from_u8(at: *const u8) -> Self::Floats {
        // SAFETY: eight bytes are readable.
        unsafe { at.cast::<[u8; LANES]>().read_unaligned() }.map(f32::from)
    }

    #[inline(always)]
    unsafe fn from_i8(at: *const u8) -> Self::Floats {
        // SAFETY: eight bytes are readable.
        unsafe { at.cast::<[i8; LANES]>().read_unaligned() }.map(f32::from)
    }

    #[inline(always)]
    unsafe fn from_f16(at: *const u8) -> Self::Floats {
        // SAFETY: eight halves are readable.
        unsafe { at.cast::<[u16; LANES]>().read_unaligned() }.map(|bits| f16::from_bits(bits).to_f32())
    }

    #[inline(always)]
    unsafe fn from_bf16(at: *const u8) -> Self::Floats {
        // SAFETY: eight halves are readable.
        unsafe { at.cast::<[u16; LANES]>().read_unaligned() }.map(|bits| bf16::from_bits(bits).to_f32())
    }

    #[inline(always)]
    unsafe fn store(at: *mut f32, a: Self::Floats) {
        // SAFETY: eight numbers are writable.
        unsafe { at.cast::<Self::Floats>().write_unaligned(a) }
    }

    #[inline(always)]
    unsafe fn add(a: Self::Floats, b: Self::Floats) -> Self::Floats {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    unsafe fn mul_add(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats {
        // Rounded twice: without the instruction, `f32::mul_add` is a call into the C library.
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
}
