//! The formats of 32 values with one scale: Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 and INT4. Layouts are tabled in the parent module.

use super::{fit, half_at, inverse, largest_magnitude, put_half};

/// Values of a block.
const LEN: usize = 32;

pub(super) fn decode_q8_0(block: &[u8; 34], out: &mut [f32; LEN]) {
    let d = half_at(block, 0);
    for (value, q) in out.iter_mut().zip(&block[2..]) {
        *value = f32::from(q.cast_signed()) * d;
    }
}

pub(super) fn decode_q4_0(block: &[u8; 18], out: &mut [f32; LEN]) {
    let d = half_at(block, 0);
    decode_nibbles(&block[2..], 0, out, |q| (f32::from(q) - 8.0) * d);
}

pub(super) fn decode_q4_1(block: &[u8; 20], out: &mut [f32; LEN]) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    decode_nibbles(&block[4..], 0, out, |q| f32::from(q) * d + m);
}

pub(super) fn decode_int4(block: &[u8; 20], out: &mut [f32; LEN]) {
    let (d, zero) = (half_at(block, 0), half_at(block, 2));
    decode_nibbles(&block[4..], 0, out, |q| (f32::from(q) - zero) * d);
}

pub(super) fn decode_q5_0(block: &[u8; 22], out: &mut [f32; LEN]) {
    let d = half_at(block, 0);
    let fifth = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
    decode_nibbles(&block[6..], fifth, out, |q| (f32::from(q) - 16.0) * d);
}

pub(super) fn decode_q5_1(block: &[u8; 24], out: &mut [f32; LEN]) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    let fifth = u32::from_le_bytes([block[4], block[5], block[6], block[7]]);
    decode_nibbles(&block[8..], fifth, out, |q| f32::from(q) * d + m);
}

/// Joins 16 bytes of nibbles with their fifth bits (0 for none) and maps each of the 32 results.
fn decode_nibbles(nibbles: &[u8], fifth: u32, out: &mut [f32; LEN], value: impl Fn(u8) -> f32) {
    let bit = |i: usize| ((fifth >> i & 1) << 4) as u8;
    let (low, high) = out.split_at_mut(LEN / 2);
    for (j, ((byte, low), high)) in nibbles.iter().zip(low).zip(high).enumerate() {
        *low = value(byte & 15 | bit(j));
        *high = value(byte >> 4 | bit(j + 16));
    }
}

pub(super) fn encode_q8_0(values: &[f32; LEN], block: &mut [u8; 34]) {
    let d = largest_magnitude(values).abs() / 127.0;
    let scale = inverse(d);
    put_half(block, 0, d);
    for (q, value) in block[2..].iter_mut().zip(values) {
        *q = ((value * scale).round() as i8).cast_unsigned();
    }
}

pub(super) fn encode_q4_0(values: &[f32; LEN], block: &mut [u8; 18]) {
    let d = largest_magnitude(values) / -8.0;
    let scale = inverse(d);
    put_half(block, 0, d);
    encode_nibbles(values, &mut block[2..], |value| ((value * scale + 8.5) as u8).min(15));
}

/// Q4_0 with the scale of the least squared error.
pub(super) fn fit_q4_0(values: &[f32; LEN], block: &mut [u8; 18]) {
    let d = put_half(block, 0, fit::scale(values, 8.0));
    let numbers = fit::numbers(values, inverse(d), -8.0, 7.0);
    let (low, high) = numbers.split_at(LEN / 2);
    block[2..].iter_mut().zip(low).zip(high).for_each(|((byte, low), high)| *byte = low | high << 4);
}

pub(super) fn encode_q4_1(values: &[f32; LEN], block: &mut [u8; 20]) {
    let (min, d) = min_and_step(values, 15.0);
    let scale = inverse(d);
    put_half(block, 0, d);
    put_half(block, 2, min);
    encode_nibbles(values, &mut block[4..], |value| (((value - min) * scale + 0.5) as u8).min(15));
}

/// Q4_1 with scale and minimum of the least squared error.
pub(super) fn fit_q4_1(values: &[f32; LEN], block: &mut [u8; 20]) {
    let (d, m) = fit::scale_and_min(values, 15.0, f32::INFINITY);
    let (d, m) = (put_half(block, 0, d), put_half(block, 2, m));
    let scale = inverse(d);
    encode_nibbles(values, &mut block[4..], |value| ((value - m) * scale + 0.5).clamp(0.0, 15.0) as u8);
}

pub(super) fn encode_int4(values: &[f32; LEN], block: &mut [u8; 20]) {
    // Zero is one of the numbers.
    let min = values.iter().copied().fold(0.0, f32::min);
    let max = values.iter().copied().fold(0.0, f32::max);
    encode_int4_by(values, (max - min) / 15.0, min, block);
}

/// INT4 with scale and zero of a smaller squared error, before the zero is rounded.
pub(super) fn fit_int4(values: &[f32; LEN], block: &mut [u8; 20]) {
    let (d, min) = fit::scale_and_min(values, 15.0, 0.0);
    encode_int4_by(values, d, min, block);
}

fn encode_int4_by(values: &[f32; LEN], d: f32, min: f32, block: &mut [u8; 20]) {
    let scale = inverse(put_half(block, 0, d));
    let zero = put_half(block, 2, (-min * scale).round().clamp(0.0, 15.0));
    encode_nibbles(values, &mut block[4..], |value| (value * scale + zero).round().clamp(0.0, 15.0) as u8);
}

pub(super) fn encode_q5_0(values: &[f32; LEN], block: &mut [u8; 22]) {
    let d = largest_magnitude(values) / -16.0;
    let scale = inverse(d);
    put_half(block, 0, d);
    let fifth = encode_nibbles(values, &mut block[6..], |value| ((value * scale + 16.5) as u8).min(31));
    block[2..6].copy_from_slice(&fifth.to_le_bytes());
}

pub(super) fn encode_q5_1(values: &[f32; LEN], block: &mut [u8; 24]) {
    let (min, d) = min_and_step(values, 31.0);
    let scale = inverse(d);
    put_half(block, 0, d);
    put_half(block, 2, min);
    let fifth = encode_nibbles(values, &mut block[8..], |value| (((value - min) * scale + 0.5) as u8).min(31));
    block[4..8].copy_from_slice(&fifth.to_le_bytes());
}

/// Quantises each value, stores the low four bits and returns the fifth ones.
fn encode_nibbles(values: &[f32; LEN], nibbles: &mut [u8], quantize: impl Fn(f32) -> u8) -> u32 {
    let mut fifth = 0;
    for (j, byte) in nibbles.iter_mut().enumerate() {
        let (low, high) = (quantize(values[j]), quantize(values[j + 16]));
        *byte = low & 15 | high << 4;
        fifth |= u32::from(low >> 4) << j | u32::from(high >> 4) << (j + 16);
    }
    fifth
}

/// The smallest value, and the range divided into `steps`.
fn min_and_step(values: &[f32; LEN], steps: f32) -> (f32, f32) {
    let min = values.iter().copied().fold(f32::INFINITY, f32::min);
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (min, (max - min) / steps)
}
