//! Plain Rust, for every processor: the reference of the other sets.

use half::{bf16, f16};

use super::{BLOCK, Isa, LANES, LanePointer, ROUND};

/// No instruction set in particular.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

/// Bytes of a vector.
const BYTES: usize = 4 * LANES;

impl Isa for Portable {
    const GROUPS: usize = 1;

    type Bytes = [u8; BYTES];
    type Ints = [i32; LANES];
    type Floats = [f32; LANES];

    #[inline(always)]
    unsafe fn prefetch(_: LanePointer) {}

    #[inline(always)]
    unsafe fn bytes(at: LanePointer) -> Self::Bytes {
        // SAFETY: the caller has 32 readable bytes at `at`.
        unsafe { at.first().cast::<Self::Bytes>().read_unaligned() }
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
        // SAFETY: the caller has `4 · N` activations at `a`.
        unsafe { sum_products(w, a, i32::from) }
    }

    #[inline(always)]
    unsafe fn look_up(table: &[i8; 16], indices: Self::Bytes) -> Self::Bytes {
        indices.map(|index| table[usize::from(index & 15)].cast_unsigned())
    }

    #[inline(always)]
    unsafe fn signed_weights(w: Self::Bytes) -> Self::Bytes {
        w
    }

    #[inline(always)]
    unsafe fn dot_signed<const N: usize>(w: &[Self::Bytes; N], a: *const i8, _: i32) -> Self::Ints {
        // SAFETY: the caller has `4 · N` activations at `a`.
        unsafe { sum_products(w, a, |w| i32::from(w.cast_signed())) }
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
    unsafe fn floats(at: LanePointer) -> Self::Floats {
        // SAFETY: the caller has eight readable numbers at `at`.
        unsafe { at.first().cast::<Self::Floats>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn from_u8(at: LanePointer) -> Self::Floats {
        // SAFETY: the caller has eight readable bytes at `at`.
        unsafe { at.first().cast::<[u8; LANES]>().read_unaligned() }.map(f32::from)
    }

    #[inline(always)]
    unsafe fn from_i8(at: LanePointer) -> Self::Floats {
        // SAFETY: the caller has eight readable bytes at `at`.
        unsafe { at.first().cast::<[i8; LANES]>().read_unaligned() }.map(f32::from)
    }

    #[inline(always)]
    unsafe fn from_nibbles(at: LanePointer) -> [Self::Floats; 2] {
        // SAFETY: the caller has eight readable bytes at `at`.
        let bytes = unsafe { at.first().cast::<[u8; LANES]>().read_unaligned() };
        [bytes.map(|byte| f32::from(byte & 15)), bytes.map(|byte| f32::from(byte >> 4))]
    }

    #[inline(always)]
    unsafe fn from_f16(at: LanePointer) -> Self::Floats {
        // SAFETY: the caller has eight readable numbers of 16 bits at `at`.
        unsafe { at.first().cast::<[u16; LANES]>().read_unaligned() }.map(|bits| f16::from_bits(bits).to_f32())
    }

    #[inline(always)]
    unsafe fn from_bf16(at: LanePointer) -> Self::Floats {
        // SAFETY: the caller has eight readable numbers of 16 bits at `at`.
        unsafe { at.first().cast::<[u16; LANES]>().read_unaligned() }.map(|bits| bf16::from_bits(bits).to_f32())
    }

    #[inline(always)]
    unsafe fn store(at: *mut f32, a: Self::Floats) {
        // SAFETY: the caller has room for eight numbers at `at`.
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
        // Where the processor lacks the instruction this is a call into the C library, far slower than two operations, but
        // the bits are then those of every other set.
        std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
    }

    #[inline(always)]
    unsafe fn greatest(values: &[f32; BLOCK]) -> f32 {
        // As whole numbers, magnitudes are in the same order, and infinity and NaN are above all others.
        f32::from_bits(values.iter().fold(0, |most, value| most.max(value.abs().to_bits())))
    }

    #[inline(always)]
    unsafe fn round(values: &[f32; BLOCK], inverse: f32, bytes: &mut [i8; BLOCK]) -> [i32; 2] {
        let whole = values.map(|value| (value * inverse + ROUND).to_bits().wrapping_sub(ROUND.to_bits()).cast_signed());
        *bytes = whole.map(|value| value as i8);
        let sum = |half: &[i32]| half.iter().fold(0i32, |sum, value| sum.wrapping_add(*value));
        let (first, second) = whole.split_at(BLOCK / 2);
        [sum(first), sum(second)]
    }
}

/// Products of weights, as `to_int` reads them, with `4 · N` activations, summed a lane.
#[inline(always)]
unsafe fn sum_products<const N: usize>(w: &[[u8; BYTES]; N], a: *const i8, to_int: impl Fn(u8) -> i32) -> [i32; LANES] {
    let mut sums = [0; LANES];
    for (j, vector) in w.iter().enumerate() {
        // SAFETY: the caller has `4 · N` activations at `a`, and `j < N`.
        let a = unsafe { a.add(4 * j).cast::<[i8; 4]>().read_unaligned() };
        for (sum, row) in sums.iter_mut().zip(vector.as_chunks::<4>().0) {
            *sum += row.iter().zip(a).map(|(&w, a)| to_int(w) * i32::from(a)).sum::<i32>();
        }
    }
    sums
}
