//! AVX2 with FMA and F16C, and the same with VNNI.

use std::arch::x86_64::*;

use super::{BLOCK, Isa, LanePointer, ROUND};

/// AVX2, FMA, F16C.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

/// The same with `vpdpbusd`.
#[derive(Clone, Copy)]
pub(crate) struct Vnni256;

/// How many products of two (`BITS` bits by −127…127) a 16-bit lane holds without overflow.
const fn pairs_in_16_bits(bits: u32) -> usize {
    match bits {
        2..=4 => 8, // 2 · 15 · 127 · 8 = 30,480
        5 => 4,     // 2 · 31 · 127 · 4 = 31,496
        6 => 2,     // 2 · 63 · 127 · 2 = 32,004
        _ => 1,     // signed bytes: 2 · 128 · 127 = 32,512
    }
}

/// Four activations, eight times.
#[inline(always)]
unsafe fn four(a: *const i8, j: usize) -> __m256i {
    // SAFETY: the callers of `Isa`'s products have `4 · N` activations at `a`, and `j < N`; the processor has AVX2.
    unsafe { _mm256_set1_epi32(a.add(4 * j).cast::<i32>().read_unaligned()) }
}

/// Sums in 16 bits as long as they fit, then in 32. Weights have `BITS` bits, or are signed where `BITS` is 8.
#[inline(always)]
unsafe fn dot_avx2<const BITS: u32, const N: usize>(w: &[__m256i; N], a: *const i8) -> __m256i {
    // SAFETY: the caller has `4 · N` activations at `a`, and the processor has AVX2.
    unsafe {
        let ones = _mm256_set1_epi16(1);
        let mut wide = _mm256_setzero_si256();
        let mut narrow = _mm256_setzero_si256();
        for (j, &w) in w.iter().enumerate() {
            let a = four(a, j);
            let pairs = if BITS == 8 {
                _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w))
            } else {
                _mm256_maddubs_epi16(w, a)
            };
            if j % pairs_in_16_bits(BITS) == 0 {
                if j > 0 {
                    wide = _mm256_add_epi32(wide, _mm256_madd_epi16(narrow, ones));
                }
                narrow = pairs;
            } else {
                narrow = _mm256_add_epi16(narrow, pairs);
            }
        }
        _mm256_add_epi32(wide, _mm256_madd_epi16(narrow, ones))
    }
}

#[inline(always)]
unsafe fn dot_signed_avx2<const N: usize>(w: &[__m256i; N], a: *const i8, _: i32) -> __m256i {
    // SAFETY: the caller has `4 · N` activations at `a`, and the processor has AVX2.
    unsafe { dot_avx2::<8, N>(w, a) }
}

#[inline(always)]
unsafe fn signed_weights_avx2(w: __m256i) -> __m256i {
    w
}

/// `start` and the products.
#[inline(always)]
unsafe fn sum_vnni<const N: usize>(start: __m256i, w: &[__m256i; N], a: *const i8) -> __m256i {
    let mut sum = start;
    for (j, &w) in w.iter().enumerate() {
        // SAFETY: the caller has `4 · N` activations at `a`, and the processor has AVX512-VNNI with VL.
        sum = unsafe { _mm256_dpbusd_epi32(sum, w, four(a, j)) };
    }
    sum
}

#[inline(always)]
unsafe fn dot_vnni<const BITS: u32, const N: usize>(w: &[__m256i; N], a: *const i8) -> __m256i {
    // SAFETY: the caller has `4 · N` activations at `a`, and the processor has AVX512-VNNI with VL.
    unsafe { sum_vnni(_mm256_setzero_si256(), w, a) }
}

/// `Σ (w + 128) · a − 128 · Σ a`, since the instruction takes unsigned weights.
#[inline(always)]
unsafe fn dot_signed_vnni<const N: usize>(w: &[__m256i; N], a: *const i8, sum: i32) -> __m256i {
    // SAFETY: the caller has `4 · N` activations at `a`, and the processor has AVX512-VNNI with VL.
    unsafe { sum_vnni(_mm256_set1_epi32(-128 * sum), w, a) }
}

/// `w + 128`.
#[inline(always)]
unsafe fn signed_weights_vnni(w: __m256i) -> __m256i {
    // SAFETY: the processor has AVX2.
    unsafe { _mm256_xor_si256(w, _mm256_set1_epi8(-128)) }
}

/// The sums of the lanes of two vectors.
#[inline(always)]
pub(super) unsafe fn half_sums([first, second]: [__m256i; 2]) -> [i32; 2] {
    // SAFETY: the processor has AVX2.
    unsafe {
        let pairs = _mm256_hadd_epi32(first, second);
        let pairs = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256::<1>(pairs));
        let sums = _mm_add_epi32(pairs, _mm_shuffle_epi32::<0b10_11_00_01>(pairs));
        [_mm_cvtsi128_si32(sums), _mm_extract_epi32::<2>(sums)]
    }
}

#[inline(always)]
unsafe fn greatest_avx2(values: &[f32; BLOCK]) -> f32 {
    // SAFETY: the processor has AVX2; a block is four vectors.
    unsafe {
        let magnitude = _mm256_set1_epi32(i32::MAX);
        let mut most = _mm256_setzero_si256();
        for at in (0..BLOCK).step_by(8) {
            let value = _mm256_loadu_si256(values.as_ptr().add(at).cast());
            most = _mm256_max_epu32(most, _mm256_and_si256(value, magnitude));
        }
        let most = _mm_max_epu32(_mm256_castsi256_si128(most), _mm256_extracti128_si256::<1>(most));
        let most = _mm_max_epu32(most, _mm_shuffle_epi32::<0b01_00_11_10>(most));
        let most = _mm_max_epu32(most, _mm_shuffle_epi32::<0b10_11_00_01>(most));
        f32::from_bits(_mm_cvtsi128_si32(most).cast_unsigned())
    }
}

#[inline(always)]
unsafe fn round_avx2(values: &[f32; BLOCK], inverse: f32, bytes: &mut [i8; BLOCK]) -> [i32; 2] {
    // SAFETY: the processor has AVX2; a block is four vectors.
    unsafe {
        let (inverse, round) = (_mm256_set1_ps(inverse), _mm256_set1_ps(ROUND));
        let mut whole = [_mm256_setzero_si256(); 4];
        for (v, whole) in whole.iter_mut().enumerate() {
            let product = _mm256_mul_ps(_mm256_loadu_ps(values.as_ptr().add(8 * v)), inverse);
            let sum = _mm256_castps_si256(_mm256_add_ps(product, round));
            *whole = _mm256_sub_epi32(sum, _mm256_castps_si256(round));
        }
        // Packing saturates, so that only the bits which are kept may be left; it takes the halves of vectors in turns.
        let lowest = whole.map(|whole| _mm256_and_si256(whole, _mm256_set1_epi32(0xff)));
        let pairs = [_mm256_packus_epi32(lowest[0], lowest[1]), _mm256_packus_epi32(lowest[2], lowest[3])];
        let packed = _mm256_packus_epi16(pairs[0], pairs[1]);
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        _mm256_storeu_si256(bytes.as_mut_ptr().cast(), _mm256_permutevar8x32_epi32(packed, order));
        half_sums([_mm256_add_epi32(whole[0], whole[1]), _mm256_add_epi32(whole[2], whole[3])])
    }
}

macro_rules! implement {
    ($set:ty, $dot:ident, $dot_signed:ident, $signed_weights:ident) => {
        impl Isa for $set {
            const GROUPS: usize = 1;

            type Bytes = __m256i;
            type Ints = __m256i;
            type Floats = __m256;

            #[inline(always)]
            unsafe fn prefetch(at: LanePointer) {
                // SAFETY: a prefetch does not fault at any address; the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(at.first().cast()) }
            }

            #[inline(always)]
            unsafe fn bytes(at: LanePointer) -> __m256i {
                // SAFETY: the processor has AVX2, FMA and F16C, and 32 bytes at `at` are readable; the caller upholds both.
                unsafe { _mm256_loadu_si256(at.first().cast()) }
            }

            #[inline(always)]
            unsafe fn splat_byte(byte: u8) -> __m256i {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { _mm256_set1_epi8(byte.cast_signed()) }
            }

            #[inline(always)]
            unsafe fn and(a: __m256i, b: __m256i) -> __m256i {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { _mm256_and_si256(a, b) }
            }

            #[inline(always)]
            unsafe fn or(a: __m256i, b: __m256i) -> __m256i {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { _mm256_or_si256(a, b) }
            }

            #[inline(always)]
            unsafe fn shr<const N: i32>(a: __m256i) -> __m256i {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { _mm256_srli_epi16::<N>(a) }
            }

            #[inline(always)]
            unsafe fn shl<const N: i32>(a: __m256i) -> __m256i {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { _mm256_slli_epi16::<N>(a) }
            }

            #[inline(always)]
            unsafe fn dot<const BITS: u32, const N: usize>(w: &[__m256i; N], a: *const i8) -> __m256i {
                // SAFETY: the processor has the set, and `4 · N` activations at `a` are readable; the caller upholds both.
                unsafe { $dot::<BITS, N>(w, a) }
            }

            #[inline(always)]
            unsafe fn look_up(table: &[i8; 16], indices: __m256i) -> __m256i {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe {
                    let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast()));
                    _mm256_shuffle_epi8(table, indices)
                }
            }

            #[inline(always)]
            unsafe fn signed_weights(w: __m256i) -> __m256i {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { $signed_weights(w) }
            }

            #[inline(always)]
            unsafe fn dot_signed<const N: usize>(w: &[__m256i; N], a: *const i8, sum: i32) -> __m256i {
                // SAFETY: the processor has the set, and `4 · N` activations at `a` are readable; the caller upholds both.
                unsafe { $dot_signed::<N>(w, a, sum) }
            }

            #[inline(always)]
            unsafe fn to_floats(a: __m256i) -> __m256 {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { _mm256_cvtepi32_ps(a) }
            }

            #[inline(always)]
            unsafe fn zero() -> __m256 {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { _mm256_setzero_ps() }
            }

            #[inline(always)]
            unsafe fn splat(value: f32) -> __m256 {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { _mm256_set1_ps(value) }
            }

            #[inline(always)]
            unsafe fn floats(at: LanePointer) -> __m256 {
                // SAFETY: the processor has AVX2, FMA and F16C, and eight numbers at `at` are readable; the caller upholds both.
                unsafe { _mm256_loadu_ps(at.first().cast()) }
            }

            #[inline(always)]
            unsafe fn from_u8(at: LanePointer) -> __m256 {
                // SAFETY: the processor has AVX2, FMA and F16C, and eight bytes at `at` are readable; the caller upholds both.
                unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(at.first().cast()))) }
            }

            #[inline(always)]
            unsafe fn from_i8(at: LanePointer) -> __m256 {
                // SAFETY: the processor has AVX2, FMA and F16C, and eight bytes at `at` are readable; the caller upholds both.
                unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(at.first().cast()))) }
            }

            #[inline(always)]
            unsafe fn from_nibbles(at: LanePointer) -> [__m256; 2] {
                // SAFETY: the processor has AVX2, FMA and F16C, and eight bytes at `at` are readable; the caller upholds both.
                unsafe {
                    let wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(at.first().cast()));
                    let low = _mm256_and_si256(wide, _mm256_set1_epi32(15));
                    [_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(_mm256_srli_epi32::<4>(wide))]
                }
            }

            #[inline(always)]
            unsafe fn from_f16(at: LanePointer) -> __m256 {
                // SAFETY: the processor has AVX2, FMA and F16C, and 16 bytes at `at` are readable; the caller upholds both.
                unsafe { _mm256_cvtph_ps(_mm_loadu_si128(at.first().cast())) }
            }

            #[inline(always)]
            unsafe fn from_bf16(at: LanePointer) -> __m256 {
                // SAFETY: the processor has AVX2, FMA and F16C, and 16 bytes at `at` are readable; the caller upholds both.
                unsafe {
                    let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(at.first().cast()));
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
                }
            }

            #[inline(always)]
            unsafe fn store(at: *mut f32, a: __m256) {
                // SAFETY: the processor has AVX2, FMA and F16C, and eight numbers at `at` are writable; the caller upholds both.
                unsafe { _mm256_storeu_ps(at, a) }
            }

            #[inline(always)]
            unsafe fn add(a: __m256, b: __m256) -> __m256 {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { _mm256_add_ps(a, b) }
            }

            #[inline(always)]
            unsafe fn mul(a: __m256, b: __m256) -> __m256 {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { _mm256_mul_ps(a, b) }
            }

            #[inline(always)]
            unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { _mm256_fmadd_ps(a, b, c) }
            }

            #[inline(always)]
            unsafe fn greatest(values: &[f32; BLOCK]) -> f32 {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { greatest_avx2(values) }
            }

            #[inline(always)]
            unsafe fn round(values: &[f32; BLOCK], inverse: f32, bytes: &mut [i8; BLOCK]) -> [i32; 2] {
                // SAFETY: the caller runs this on a processor with AVX2, FMA and F16C.
                unsafe { round_avx2(values, inverse, bytes) }
            }
        }
    };
}

implement!(Avx2, dot_avx2, dot_signed_avx2, signed_weights_avx2);
implement!(Vnni256, dot_vnni, dot_signed_vnni, signed_weights_vnni);
