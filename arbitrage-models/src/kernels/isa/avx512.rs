//! AVX-512 with VNNI: two groups of eight rows a vector.

use std::arch::x86_64::*;

use super::avx2::half_sums;
use super::{BLOCK, Isa, LanePointer, ROUND};

/// AVX-512 F, BW, DQ, VL and VNNI.
#[derive(Clone, Copy)]
pub(crate) struct Vnni512;

/// `start` and the products of unsigned weights with `4 · N` activations.
#[inline(always)]
unsafe fn sum_products<const N: usize>(start: __m512i, w: &[__m512i; N], a: *const i8) -> __m512i {
    let mut sum = start;
    for (j, &w) in w.iter().enumerate() {
        // SAFETY: the caller has `4 · N` activations at `a`, and the processor has AVX512-VNNI.
        sum = unsafe { _mm512_dpbusd_epi32(sum, w, _mm512_set1_epi32(a.add(4 * j).cast::<i32>().read_unaligned())) };
    }
    sum
}

/// Eight bytes from each place.
#[inline(always)]
unsafe fn eight_bytes(at: LanePointer) -> __m128i {
    // SAFETY: the caller has eight bytes at both places of `at`.
    unsafe { _mm_unpacklo_epi64(_mm_loadl_epi64(at.first().cast()), _mm_loadl_epi64(at.second().cast())) }
}

/// Eight numbers of 16 bits from each place.
#[inline(always)]
unsafe fn eight_halves(at: LanePointer) -> __m256i {
    // SAFETY: the caller has 16 bytes at both places of `at`, and the processor has AVX2.
    unsafe {
        let first = _mm256_castsi128_si256(_mm_loadu_si128(at.first().cast()));
        _mm256_inserti128_si256::<1>(first, _mm_loadu_si128(at.second().cast()))
    }
}

impl Isa for Vnni512 {
    const GROUPS: usize = 2;

    type Bytes = __m512i;
    type Ints = __m512i;
    type Floats = __m512;

    #[inline(always)]
    unsafe fn prefetch(at: LanePointer) {
        // SAFETY: a prefetch does not fault at any address; the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(at.first().cast());
            _mm_prefetch::<_MM_HINT_T0>(at.second().cast());
        }
    }

    #[inline(always)]
    unsafe fn bytes(at: LanePointer) -> __m512i {
        // SAFETY: the processor has the set, and 32 bytes at both places of `at` are readable; the caller upholds both.
        unsafe {
            let first = _mm256_loadu_si256(at.first().cast());
            _mm512_inserti64x4::<1>(_mm512_castsi256_si512(first), _mm256_loadu_si256(at.second().cast()))
        }
    }

    #[inline(always)]
    unsafe fn splat_byte(byte: u8) -> __m512i {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe { _mm512_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn and(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe { _mm512_and_si512(a, b) }
    }

    #[inline(always)]
    unsafe fn or(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    unsafe fn shr<const N: i32>(a: __m512i) -> __m512i {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe { _mm512_srl_epi16(a, _mm_cvtsi32_si128(N)) }
    }

    #[inline(always)]
    unsafe fn shl<const N: i32>(a: __m512i) -> __m512i {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe { _mm512_sll_epi16(a, _mm_cvtsi32_si128(N)) }
    }

    #[inline(always)]
    unsafe fn dot<const BITS: u32, const N: usize>(w: &[__m512i; N], a: *const i8) -> __m512i {
        // SAFETY: the processor has the set, and `4 · N` activations at `a` are readable; the caller upholds both.
        unsafe { sum_products(_mm512_setzero_si512(), w, a) }
    }

    #[inline(always)]
    unsafe fn look_up(table: &[i8; 16], indices: __m512i) -> __m512i {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe { _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(table.as_ptr().cast())), indices) }
    }

    #[inline(always)]
    unsafe fn signed_weights(w: __m512i) -> __m512i {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe { _mm512_xor_si512(w, _mm512_set1_epi8(-128)) }
    }

    #[inline(always)]
    unsafe fn dot_signed<const N: usize>(w: &[__m512i; N], a: *const i8, sum: i32) -> __m512i {
        // SAFETY: the processor has the set, and `4 · N` activations at `a` are readable; the caller upholds both.
        unsafe { sum_products(_mm512_set1_epi32(-128 * sum), w, a) }
    }

    #[inline(always)]
    unsafe fn to_floats(a: __m512i) -> __m512 {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe { _mm512_cvtepi32_ps(a) }
    }

    #[inline(always)]
    unsafe fn zero() -> __m512 {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn floats(at: LanePointer) -> __m512 {
        // SAFETY: the processor has the set, and eight numbers at both places of `at` are readable; the caller upholds both.
        unsafe {
            let first = _mm512_castps256_ps512(_mm256_loadu_ps(at.first().cast()));
            _mm512_insertf32x8::<1>(first, _mm256_loadu_ps(at.second().cast()))
        }
    }

    #[inline(always)]
    unsafe fn from_u8(at: LanePointer) -> __m512 {
        // SAFETY: the processor has the set, and eight bytes at both places of `at` are readable; the caller upholds both.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(eight_bytes(at))) }
    }

    #[inline(always)]
    unsafe fn from_i8(at: LanePointer) -> __m512 {
        // SAFETY: the processor has the set, and eight bytes at both places of `at` are readable; the caller upholds both.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(eight_bytes(at))) }
    }

    #[inline(always)]
    unsafe fn from_nibbles(at: LanePointer) -> [__m512; 2] {
        // SAFETY: the processor has the set, and eight bytes at both places of `at` are readable; the caller upholds both.
        unsafe {
            let wide = _mm512_cvtepu8_epi32(eight_bytes(at));
            let low = _mm512_and_si512(wide, _mm512_set1_epi32(15));
            [_mm512_cvtepi32_ps(low), _mm512_cvtepi32_ps(_mm512_srli_epi32::<4>(wide))]
        }
    }

    #[inline(always)]
    unsafe fn from_f16(at: LanePointer) -> __m512 {
        // SAFETY: the processor has the set, and 16 bytes at both places of `at` are readable; the caller upholds both.
        unsafe { _mm512_cvtph_ps(eight_halves(at)) }
    }

    #[inline(always)]
    unsafe fn from_bf16(at: LanePointer) -> __m512 {
        // SAFETY: the processor has the set, and 16 bytes at both places of `at` are readable; the caller upholds both.
        unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(eight_halves(at)))) }
    }

    #[inline(always)]
    unsafe fn store(at: *mut f32, a: __m512) {
        // SAFETY: the processor has the set, and 16 numbers at `at` are writable; the caller upholds both.
        unsafe { _mm512_storeu_ps(at, a) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn greatest(values: &[f32; BLOCK]) -> f32 {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI; a block is two vectors.
        unsafe {
            let magnitude = |at| _mm512_castps_si512(_mm512_abs_ps(_mm512_loadu_ps(at)));
            let most = _mm512_max_epu32(magnitude(values.as_ptr()), magnitude(values.as_ptr().add(16)));
            f32::from_bits(_mm512_reduce_max_epu32(most))
        }
    }

    #[inline(always)]
    unsafe fn round(values: &[f32; BLOCK], inverse: f32, bytes: &mut [i8; BLOCK]) -> [i32; 2] {
        // SAFETY: the caller runs this on a processor with AVX-512 F, BW, DQ, VL and VNNI; a block is two vectors.
        unsafe {
            let (inverse, round) = (_mm512_set1_ps(inverse), _mm512_set1_ps(ROUND));
            let mut sums = [_mm256_setzero_si256(); 2];
            for (half, sum) in sums.iter_mut().enumerate() {
                let product = _mm512_mul_ps(_mm512_loadu_ps(values.as_ptr().add(16 * half)), inverse);
                let whole = _mm512_castps_si512(_mm512_add_ps(product, round));
                let whole = _mm512_sub_epi32(whole, _mm512_castps_si512(round));
                _mm_storeu_si128(bytes.as_mut_ptr().add(16 * half).cast(), _mm512_cvtepi32_epi8(whole));
                *sum = _mm256_add_epi32(_mm512_castsi512_si256(whole), _mm512_extracti64x4_epi64::<1>(whole));
            }
            half_sums(sums)
        }
    }
}
