//! IQ4_NL and IQ4_XS: 4 bits a value, which choose among sixteen numbers that lie closer together near zero. Layouts are tabled in the
//! parent module.

use super::fit::STEPS;
use super::{half_at, inverse, largest_magnitude, put_half};

/// What the sixteen nibbles stand for (`kvalues_iq4nl` in ggml).
pub(crate) const NUMBERS: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// Values that share a scale.
const SUB: usize = 32;
/// Values of an IQ4_XS block.
const LEN: usize = 256;
const SUBS: usize = LEN / SUB;
const NIBBLES: usize = 8;

pub(super) fn decode_nl(block: &[u8; 18], out: &mut [f32; SUB]) {
    decode_sub(&block[2..], half_at(block, 0), out);
}

pub(super) fn decode_xs(block: &[u8; 136], out: &mut [f32; LEN]) {
    let d = half_at(block, 0);
    for ((values, nibbles), scale) in
        out.as_chunks_mut().0.iter_mut().zip(block[NIBBLES..].chunks(16)).zip(scales(block))
    {
        decode_sub(nibbles, d * f32::from(scale), values);
    }
}

/// The eight scales of an IQ4_XS block, from −32 to 31.
pub(crate) fn scales(block: &[u8]) -> [i8; SUBS] {
    let high = u16::from_le_bytes([block[2], block[3]]);
    std::array::from_fn(|sub| {
        let low = block[4 + sub / 2] >> (sub % 2 * 4) & 15;
        (low | ((high >> (2 * sub) & 3) as u8) << 4) as i8 - 32
    })
}

fn decode_sub(nibbles: &[u8], scale: f32, out: &mut [f32; SUB]) {
    let (low, high) = out.split_at_mut(SUB / 2);
    for ((byte, low), high) in nibbles.iter().zip(low).zip(high) {
        *low = scale * f32::from(NUMBERS[usize::from(byte & 15)]);
        *high = scale * f32::from(NUMBERS[usize::from(byte >> 4)]);
    }
}

pub(super) fn encode_nl(values: &[f32; SUB], block: &mut [u8; 18]) {
    encode_nl_by(values, block, whole_range);
}

/// IQ4_NL with a scale of a smaller squared error.
pub(super) fn fit_nl(values: &[f32; SUB], block: &mut [u8; 18]) {
    encode_nl_by(values, block, fitted);
}

pub(super) fn encode_xs(values: &[f32; LEN], block: &mut [u8; 136]) {
    encode_xs_by(values, block, whole_range);
}

/// IQ4_XS with scales of a smaller squared error, before they are rounded to six bits.
pub(super) fn fit_xs(values: &[f32; LEN], block: &mut [u8; 136]) {
    encode_xs_by(values, block, fitted);
}

fn encode_nl_by(values: &[f32; SUB], block: &mut [u8; 18], scale: impl Fn(&[f32; SUB]) -> f32) {
    let d = put_half(block, 0, scale(values));
    encode_sub(values, d, &mut block[2..]);
}

fn encode_xs_by(values: &[f32; LEN], block: &mut [u8; 136], scale: impl Fn(&[f32; SUB]) -> f32) {
    block.fill(0);
    let subs = values.as_chunks::<SUB>().0;
    let scales: [f32; SUBS] = std::array::from_fn(|sub| scale(&subs[sub]));
    let d = put_half(block, 0, largest_magnitude(&scales) / -32.0);
    let mut high = 0u16;
    for (sub, scale) in scales.into_iter().enumerate() {
        let scale = (scale * inverse(d)).round_ties_even().clamp(-32.0, 31.0);
        let bits = (scale + 32.0) as u8;
        block[4 + sub / 2] |= (bits & 15) << (sub % 2 * 4);
        high |= u16::from(bits >> 4) << (2 * sub);
        encode_sub(&subs[sub], d * scale, &mut block[NIBBLES + sub * 16..][..16]);
    }
    block[2..4].copy_from_slice(&high.to_le_bytes());
}

/// The scale with which the largest value becomes the number of the largest size.
fn whole_range(values: &[f32; SUB]) -> f32 {
    largest_magnitude(values) / f32::from(NUMBERS[0])
}

/// The scale that explains most of the values' squares, of those that fit the numbers of a few steps best.
fn fitted(values: &[f32; SUB]) -> f32 {
    let whole = whole_range(values);
    let (mut best, mut scale) = (0.0, whole);
    for step in STEPS {
        let inverse = inverse(whole * step);
        let numbers = values.map(|value| f32::from(NUMBERS[usize::from(nearest(value * inverse))]));
        let squares: f32 = numbers.iter().map(|number| number * number).sum();
        let products: f32 = numbers.iter().zip(values).map(|(number, value)| number * value).sum();
        let fit = products / squares;
        if products * fit > best {
            (best, scale) = (products * fit, fit);
        }
    }
    scale
}

fn encode_sub(values: &[f32; SUB], scale: f32, nibbles: &mut [u8]) {
    let step = inverse(scale);
    for (j, byte) in nibbles.iter_mut().enumerate() {
        *byte = nearest(values[j] * step) | nearest(values[j + SUB / 2] * step) << 4;
    }
}

/// The index of the nearest number, of two the smaller.
fn nearest(value: f32) -> u8 {
    let distance = |number: i8| (value - f32::from(number)).abs();
    (1..NUMBERS.len()).fold(0, |best, at| if distance(NUMBERS[at]) < distance(NUMBERS[best]) { at } else { best }) as u8
}
