//! The formats of 256 values: Q4_K, Q5_K and Q6_K. Layouts are tabled in the parent module.

use super::{fit, half_at, inverse, largest_magnitude, put_half};

/// Values of a block.
const LEN: usize = 256;

pub(super) fn decode_q4k(block: &[u8; 144], out: &mut [f32; LEN]) {
    decode_affine(block, &block[16..], |_, _| 0, out);
}

pub(super) fn decode_q5k(block: &[u8; 176], out: &mut [f32; LEN]) {
    let fifth = &block[16..48];
    decode_affine(block, &block[48..], |sub, l| (fifth[l] >> sub & 1) << 4, out);
}

/// Q4_K and Q5_K: nibbles joined with `fifth(sub-block, value)`, scaled, less the sub-block's minimum.
fn decode_affine(block: &[u8], nibbles: &[u8], fifth: impl Fn(usize, usize) -> u8, out: &mut [f32; LEN]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    for (sub, values) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(&block[4..16], sub);
        let (scale, min) = (d * f32::from(scale), dmin * f32::from(min));
        let bytes = &nibbles[sub / 2 * 32..][..32];
        let shift = sub % 2 * 4;
        for (l, (value, byte)) in values.iter_mut().zip(bytes).enumerate() {
            *value = scale * f32::from(byte >> shift & 15 | fifth(sub, l)) - min;
        }
    }
}

/// The 6-bit scale and minimum of sub-block `sub`, out of the twelve bytes that hold all eight pairs.
pub(crate) fn scale_and_min(packed: &[u8], sub: usize) -> (u8, u8) {
    if sub < 4 {
        return (packed[sub] & 63, packed[sub + 4] & 63);
    }
    let low = packed[sub + 4];
    (low & 15 | packed[sub - 4] >> 6 << 4, low >> 4 | packed[sub] >> 6 << 4)
}

pub(super) fn decode_q6k(block: &[u8; 210], out: &mut [f32; LEN]) {
    let d = half_at(block, 208);
    for (group, values) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(block[192 + group].cast_signed());
        for (l, value) in values.iter_mut().enumerate() {
            let at = Q6Bits::of(group * 16 + l);
            let q = block[at.nibble] >> at.shift & 15 | (block[at.pair] >> at.pair_shift & 3) << 4;
            *value = scale * (f32::from(q) - 32.0);
        }
    }
}

/// Where the bits of one value are in a Q6_K block.
struct Q6Bits {
    nibble: usize,
    shift: usize,
    pair: usize,
    pair_shift: usize,
}

impl Q6Bits {
    fn of(value: usize) -> Self {
        let (half, i) = (value / 128, value % 128);
        Self { nibble: half * 64 + i % 64, shift: i / 64 * 4, pair: 128 + half * 32 + i % 32, pair_shift: i / 32 * 2 }
    }
}

pub(super) fn encode_q4k(values: &[f32; LEN], block: &mut [u8; 144]) {
    encode_q4k_by(values, block, |values| scale_and_depth(values, 15.0));
}

/// Q4_K with the scale and minimum of the least squared error in each sub-block, before they are rounded to six bits.
pub(super) fn fit_q4k(values: &[f32; LEN], block: &mut [u8; 144]) {
    encode_q4k_by(values, block, |values| {
        let (scale, min) = fit::scale_and_min(values, 15.0, 0.0);
        (scale, -min)
    });
}

fn encode_q4k_by(values: &[f32; LEN], block: &mut [u8; 144], range: impl Fn(&[f32; 32]) -> (f32, f32)) {
    block.fill(0);
    encode_affine(values, block, 15, range, |block, sub, l, q| block[16 + sub / 2 * 32 + l] |= q << (sub % 2 * 4));
}

pub(super) fn encode_q5k(values: &[f32; LEN], block: &mut [u8; 176]) {
    block.fill(0);
    let range = |values: &[f32; 32]| scale_and_depth(values, 31.0);
    encode_affine(values, block, 31, range, |block, sub, l, q| {
        block[48 + sub / 2 * 32 + l] |= (q & 15) << (sub % 2 * 4);
        block[16 + l] |= q >> 4 << sub;
    });
}

/// Q4_K and Q5_K: stores the scales and depths that `range` gives, then passes every quantised value, of 0 to `max`, to
/// `put(block, sub-block, value, quantised)`.
fn encode_affine<const B: usize>(
    values: &[f32; LEN],
    block: &mut [u8; B],
    max: u8,
    range: impl Fn(&[f32; 32]) -> (f32, f32),
    put: impl Fn(&mut [u8; B], usize, usize, u8),
) {
    let max = f32::from(max);
    let subs = values.as_chunks::<32>().0;
    let ranges: [(f32, f32); 8] = std::array::from_fn(|sub| range(&subs[sub]));
    let d = put_half(block, 0, ranges.iter().fold(0.0, |top, range| range.0.max(top)) / 63.0);
    let dmin = put_half(block, 2, ranges.iter().fold(0.0, |top, range| range.1.max(top)) / 63.0);
    for (sub, (scale, depth)) in ranges.into_iter().enumerate() {
        let (sc, mn) = (six_bits(scale * inverse(d)), six_bits(depth * inverse(dmin)));
        put_scale_and_min(&mut block[4..16], sub, sc, mn);
        let (step, min) = (inverse(d * f32::from(sc)), dmin * f32::from(mn));
        for (l, value) in subs[sub].iter().enumerate() {
            put(block, sub, l, ((value + min) * step).round_ties_even().clamp(0.0, max) as u8);
        }
    }
}

/// A sub-block's step, and how far it reaches below zero (the format has no minimum above it).
fn scale_and_depth(values: &[f32; 32], max_number: f32) -> (f32, f32) {
    let min = values.iter().copied().fold(0.0, f32::min);
    let max = values.iter().copied().fold(min, f32::max);
    ((max - min) / max_number, -min)
}

/// The nearest 6-bit number; the largest one where rounding of the common scale exceeds it.
fn six_bits(ratio: f32) -> u8 {
    ratio.round_ties_even().clamp(0.0, 63.0) as u8
}

fn put_scale_and_min(packed: &mut [u8], sub: usize, scale: u8, min: u8) {
    if sub < 4 {
        (packed[sub], packed[sub + 4]) = (scale, min);
    } else {
        packed[sub + 4] = scale & 15 | min << 4;
        packed[sub - 4] |= scale >> 4 << 6;
        packed[sub] |= min >> 4 << 6;
    }
}

pub(super) fn encode_q6k(values: &[f32; LEN], block: &mut [u8; 210]) {
    block.fill(0);
    let scales: [f32; 16] = std::array::from_fn(|group| largest_magnitude(&values[group * 16..][..16]) / -32.0);
    let d = put_half(block, 208, largest_magnitude(&scales) / -128.0);
    for (group, scale) in scales.into_iter().enumerate() {
        let sc = (scale * inverse(d)).round_ties_even().clamp(-128.0, 127.0);
        block[192 + group] = (sc as i8).cast_unsigned();
        let step = inverse(d * sc);
        for (l, value) in values[group * 16..][..16].iter().enumerate() {
            let q = ((value * step).round_ties_even().clamp(-32.0, 31.0) + 32.0) as u8;
            let at = Q6Bits::of(group * 16 + l);
            block[at.nibble] |= (q & 15) << at.shift;
            block[at.pair] |= q >> 4 << at.pair_shift;
        }
    }
}
