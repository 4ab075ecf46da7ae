//! GGML's block formats: unpacking to single precision with ggml's own arithmetic, and plain quantisers.
//!
//! All numbers are little-endian; `d`, `m` and `dmin` are IEEE half-precision. Where two values share a byte, the low
//! nibble belongs to the earlier one. Byte ranges are within one block.
//!
//! | type | values | bytes | layout | value `i` |
//! |---|---|---|---|---|
//! | Q8_0 | 32 | 34 | `d` 0–1, `q` i8 2–33 | `q·d` |
//! | Q4_0 | 32 | 18 | `d` 0–1, nibbles 2–17 | `(q − 8)·d` |
//! | Q4_1 | 32 | 20 | `d` 0–1, `m` 2–3, nibbles 4–19 | `q·d + m` |
//! | Q5_0 | 32 | 22 | `d` 0–1, fifth bits 2–5, nibbles 6–21 | `(q − 16)·d` |
//! | Q5_1 | 32 | 24 | `d` 0–1, `m` 2–3, fifth bits 4–7, nibbles 8–23 | `q·d + m` |
//! | INT4 | 32 | 20 | `d` 0–1, `z` 2–3, nibbles 4–19 | `(q − z)·d` |
//! | IQ4_NL | 32 | 18 | `d` 0–1, nibbles 2–17 | `n[q]·d` |
//! | IQ4_XS | 256 | 136 | `d` 0–1, upper scale bits 2–3, lower ones 4–7, nibbles 8–135 | `(d·sc)·n[q]` |
//! | Q2_K | 256 | 84 | `sc` and `mn` 0–15, bit pairs 16–79, `d` 80–81, `dmin` 82–83 | `(d·sc)·q − dmin·mn` |
//! | Q3_K | 256 | 110 | third bits 0–31, bit pairs 32–95, scales 96–107, `d` 108–109 | `(d·sc)·(q − 4)` |
//! | Q4_K | 256 | 144 | `d` 0–1, `dmin` 2–3, scales 4–15, nibbles 16–143 | `(d·sc)·q − dmin·mn` |
//! | Q5_K | 256 | 176 | `d` 0–1, `dmin` 2–3, scales 4–15, fifth bits 16–47, nibbles 48–175 | `(d·sc)·q − dmin·mn` |
//! | Q6_K | 256 | 210 | nibbles 0–127, upper two bits 128–191, `sc` i8 192–207, `d` 208–209 | `(d·sc)·(q − 32)` |
//!
//! - In the formats of 32, byte `j` of the nibbles holds values `j` and `j + 16`; bit `i` of the fifth bits is value `i`'s.
//! - Q4_K and Q5_K: 32 bytes of nibbles hold 64 values, first all low nibbles, then all high ones. Each 32 values (a
//!   sub-block) have a scale `sc` and a minimum `mn` of 6 bits: of sub-blocks 0–3 in the low six bits of scale bytes 0–3
//!   and 4–7; of sub-blocks 4–7 the low four bits are the nibbles of bytes 8–11 and the upper two the top bits of 0–3
//!   and 4–7. Bit `s` of fifth-bit byte `l` belongs to value `l` of sub-block `s`.
//! - Q2_K and Q3_K: a scale serves 16 values. Of each half of 128, bit pairs of 32 bytes are values `l`, `l + 32`, `l + 64`, `l + 96`,
//!   lowest first. In Q2_K, a byte has a scale in its low nibble and a minimum in its high one. In Q3_K, bit `s` of third-bit byte `l`
//!   belongs to value `l` of the 32 values `s`; a scale of 6 bits less 32 has its low four bits in the low nibbles of scale bytes 0–7,
//!   then in their high ones, and its upper two in the bit pairs of bytes 8–11: scale `j` in pair `j / 4` of byte `8 + j % 4`.
//! - IQ4_NL and IQ4_XS: a nibble chooses among sixteen numbers `n`. In IQ4_XS, 16 bytes of nibbles hold 32 values, as in the formats of
//!   32, which share a scale of 6 bits less 32: the low four bits are nibbles, the upper two pairs of bits.
//! - Q6_K: a scale serves 16 values. Of each half of 128, low nibbles of 64 bytes are values 0–63, high ones 64–127; the
//!   upper bits of values `l`, `l + 32`, `l + 64`, `l + 96` are the four bit pairs of byte `l`, lowest first.
//!
//! Layouts and order of operations follow ggml's `ggml-quants.c`; products are not fused with sums, so that every
//! machine unpacks the same numbers.

mod fit;
mod iq4;
mod k;
mod q2_k;
mod q3_k;
mod small;

#[cfg(feature = "flex")]
pub(crate) use iq4::{NUMBERS as IQ4_NUMBERS, scales as iq4_xs_scales};
#[cfg(feature = "flex")]
pub(crate) use k::scale_and_min;
#[cfg(feature = "flex")]
pub(crate) use q3_k::scales as q3_k_scales;

use half::{bf16, f16};

use super::DType;
use crate::error::{Error, Result};

/// Unpacks whole blocks: `bytes` of `dtype` into `out`, one number a value.
///
/// Any number of consecutive rows may be given at once.
///
/// # Errors
/// [`Error::Parameter`] unless `bytes` is exactly what `out.len()` values take.
pub fn dequantize_row(dtype: DType, bytes: &[u8], out: &mut [f32]) -> Result<()> {
    check_lengths(dtype, out.len(), bytes.len())?;
    match dtype {
        DType::F32 => decode(bytes, out, |b: &[u8; 4], v: &mut [f32; 1]| v[0] = f32::from_le_bytes(*b)),
        DType::F16 => decode(bytes, out, |b: &[u8; 2], v: &mut [f32; 1]| v[0] = f16::from_le_bytes(*b).to_f32()),
        DType::BF16 => decode(bytes, out, |b: &[u8; 2], v: &mut [f32; 1]| v[0] = bf16::from_le_bytes(*b).to_f32()),
        DType::Q8_0 => decode(bytes, out, small::decode_q8_0),
        DType::Q4_0 => decode(bytes, out, small::decode_q4_0),
        DType::Q4_1 => decode(bytes, out, small::decode_q4_1),
        DType::Q5_0 => decode(bytes, out, small::decode_q5_0),
        DType::Q5_1 => decode(bytes, out, small::decode_q5_1),
        DType::Int4 => decode(bytes, out, small::decode_int4),
        DType::Iq4Nl => decode(bytes, out, iq4::decode_nl),
        DType::Iq4Xs => decode(bytes, out, iq4::decode_xs),
        DType::Q2K => decode(bytes, out, q2_k::decode),
        DType::Q3K => decode(bytes, out, q3_k::decode),
        DType::Q4K => decode(bytes, out, k::decode_q4k),
        DType::Q5K => decode(bytes, out, k::decode_q5k),
        DType::Q6K => decode(bytes, out, k::decode_q6k),
    }
    Ok(())
}

/// Packs `values` into whole blocks of `dtype` by rounding to the nearest; no search for better scales.
///
/// Q8_0, Q4_0, Q4_1, Q5_0 and Q5_1 give the same bytes as ggml's reference; the other formats take each sub-block's full range, where
/// ggml searches for scales with a smaller error.
///
/// # Errors
/// [`Error::Parameter`] unless `out` is exactly what `values.len()` values take, and unless every value is finite and, except
/// for F32 and BF16, at most 65,504 in size (scales are half-precision).
pub fn quantize_row(dtype: DType, values: &[f32], out: &mut [u8]) -> Result<()> {
    check_lengths(dtype, values.len(), out.len())?;
    check_range(dtype, values)?;
    match dtype {
        DType::F32 => encode(values, out, |v: &[f32; 1], b: &mut [u8; 4]| *b = v[0].to_le_bytes()),
        DType::F16 => encode(values, out, |v: &[f32; 1], b: &mut [u8; 2]| *b = f16::from_f32(v[0]).to_le_bytes()),
        DType::BF16 => encode(values, out, |v: &[f32; 1], b: &mut [u8; 2]| *b = bf16::from_f32(v[0]).to_le_bytes()),
        DType::Q8_0 => encode(values, out, small::encode_q8_0),
        DType::Q4_0 => encode(values, out, small::encode_q4_0),
        DType::Q4_1 => encode(values, out, small::encode_q4_1),
        DType::Q5_0 => encode(values, out, small::encode_q5_0),
        DType::Q5_1 => encode(values, out, small::encode_q5_1),
        DType::Int4 => encode(values, out, small::encode_int4),
        DType::Iq4Nl => encode(values, out, iq4::encode_nl),
        DType::Iq4Xs => encode(values, out, iq4::encode_xs),
        DType::Q2K => encode(values, out, q2_k::encode),
        DType::Q3K => encode(values, out, q3_k::encode),
        DType::Q4K => encode(values, out, k::encode_q4k),
        DType::Q5K => encode(values, out, k::encode_q5k),
        DType::Q6K => encode(values, out, k::encode_q6k),
    }
    Ok(())
}

/// Packs `values` as [`quantize_row`] does, but in the formats of 2 to 4 bits with the scales (and minima) of the least squared error that a
/// search finds: in no block worse than those of the full range.
///
/// # Errors
/// As [`quantize_row`].
pub fn fit_row(dtype: DType, values: &[f32], out: &mut [u8]) -> Result<()> {
    check_lengths(dtype, values.len(), out.len())?;
    check_range(dtype, values)?;
    match dtype {
        DType::Q4_0 => encode(values, out, small::fit_q4_0),
        DType::Q4_1 => encode(values, out, better(small::fit_q4_1, small::encode_q4_1, small::decode_q4_1)),
        DType::Int4 => encode(values, out, better(small::fit_int4, small::encode_int4, small::decode_int4)),
        DType::Iq4Nl => encode(values, out, better(iq4::fit_nl, iq4::encode_nl, iq4::decode_nl)),
        DType::Iq4Xs => encode(values, out, better(iq4::fit_xs, iq4::encode_xs, iq4::decode_xs)),
        DType::Q2K => encode(values, out, better(q2_k::fit, q2_k::encode, q2_k::decode)),
        DType::Q3K => encode(values, out, better(q3_k::fit, q3_k::encode, q3_k::decode)),
        DType::Q4K => encode(values, out, better(k::fit_q4k, k::encode_q4k, k::decode_q4k)),
        _ => return quantize_row(dtype, values, out),
    }
    Ok(())
}

/// Packs by `first` and by `second`, and keeps the block with the smaller squared error.
fn better<const N: usize, const B: usize>(
    first: impl Fn(&[f32; N], &mut [u8; B]),
    second: impl Fn(&[f32; N], &mut [u8; B]),
    decode: impl Fn(&[u8; B], &mut [f32; N]),
) -> impl Fn(&[f32; N], &mut [u8; B]) {
    move |values, block| {
        let mut unpacked = [0.0; N];
        let mut error = |block: &[u8; B]| {
            decode(block, &mut unpacked);
            fit::squared_error(values, &unpacked)
        };
        let mut other = [0; B];
        first(values, block);
        second(values, &mut other);
        if error(&other) < error(block) {
            *block = other;
        }
    }
}

/// Calls `block` for every block of `B` bytes and its `N` values.
fn decode<const B: usize, const N: usize>(bytes: &[u8], out: &mut [f32], block: impl Fn(&[u8; B], &mut [f32; N])) {
    for (bytes, values) in bytes.as_chunks::<B>().0.iter().zip(out.as_chunks_mut::<N>().0) {
        block(bytes, values);
    }
}

/// Calls `block` for every `N` values and their block of `B` bytes.
fn encode<const B: usize, const N: usize>(values: &[f32], out: &mut [u8], block: impl Fn(&[f32; N], &mut [u8; B])) {
    for (values, bytes) in values.as_chunks::<N>().0.iter().zip(out.as_chunks_mut::<B>().0) {
        block(values, bytes);
    }
}

/// The half-precision number at byte `at`.
fn half_at(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

/// Stores `value` at byte `at` in half precision and returns what was stored.
fn put_half(bytes: &mut [u8], at: usize, value: f32) -> f32 {
    let half = f16::from_f32(value);
    bytes[at..at + 2].copy_from_slice(&half.to_le_bytes());
    half.to_f32()
}

/// `1 / d`, or 0 where `d` is 0, so that a block of zeros stays zero.
fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

/// The first value of the largest magnitude, with its sign. Compared in lanes, since a single chain of comparisons takes five times as
/// long.
fn largest_magnitude(values: &[f32]) -> f32 {
    const LANES: usize = 8;
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut largest = [0.0f32; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            largest[lane] = if chunk[lane].abs() > largest[lane] { chunk[lane].abs() } else { largest[lane] };
        }
    }
    let largest = largest.iter().chain(rest).fold(0.0, |largest: f32, value| largest.max(value.abs()));
    values.iter().copied().find(|value| value.abs() == largest).unwrap_or(0.0)
}

fn check_lengths(dtype: DType, values: usize, bytes: usize) -> Result<()> {
    if dtype.row_bytes(values) == Some(bytes) {
        return Ok(());
    }
    let expected = match dtype.row_bytes(values) {
        Some(expected) => format!("{expected} bytes for {values} values of {dtype}"),
        None => format!("a multiple of {} values of {dtype}", dtype.block_len()),
    };
    Err(Error::Parameter { name: "row", expected, found: format!("{values} values in {bytes} bytes") })
}

fn check_range(dtype: DType, values: &[f32]) -> Result<()> {
    let limit = match dtype {
        DType::F32 | DType::BF16 => f32::MAX,
        _ => f16::MAX.to_f32(),
    };
    match values.iter().position(|value| value.is_nan() || value.abs() > limit) {
        None => Ok(()),
        Some(at) => Err(Error::Parameter {
            name: "values",
            expected: format!("finite numbers of at most {limit:e} for {dtype}"),
            found: format!("{} at index {at}", values[at]),
        }),
    }
}
