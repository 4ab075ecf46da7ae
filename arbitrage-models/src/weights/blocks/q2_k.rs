//! Q2_K: 2 bits a value, with a scale and a minimum of 4 bits every 16. The layout is tabled in the parent module.

use super::{fit, half_at, inverse, put_half};

/// Values of a block.
const LEN: usize = 256;
/// Values of a group.
const GROUP: usize = 16;
const GROUPS: usize = LEN / GROUP;
const QUANTS: usize = 16;
const D: usize = 80;
const DMIN: usize = 82;
/// The largest number of 2 bits, and the largest scale.
const MAX_NUMBER: f32 = 3.0;
const MAX_SCALE: f32 = 15.0;

pub(super) fn decode(block: &[u8; 84], out: &mut [f32; LEN]) {
    let (d, dmin) = (half_at(block, D), half_at(block, DMIN));
    for (group, values) in out.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
        let (scale, min) = (d * f32::from(block[group] & 15), dmin * f32::from(block[group] >> 4));
        for (l, value) in values.iter_mut().enumerate() {
            let (byte, shift) = place(group * GROUP + l);
            *value = scale * f32::from(block[byte] >> shift & 3) - min;
        }
    }
}

/// The byte that holds a value, and how far its bits are from the lowest.
fn place(value: usize) -> (usize, usize) {
    (QUANTS + value / 128 * 32 + value % 32, value % 128 / 32 * 2)
}

pub(super) fn encode(values: &[f32; LEN], block: &mut [u8; 84]) {
    encode_by(values, block, |values| {
        let min = values.iter().copied().fold(0.0, f32::min);
        let max = values.iter().copied().fold(min, f32::max);
        ((max - min) / MAX_NUMBER, -min)
    });
}

/// With the scale and minimum of the least squared error in each group, before they are rounded to four bits.
pub(super) fn fit(values: &[f32; LEN], block: &mut [u8; 84]) {
    encode_by(values, block, |values| {
        let (scale, min) = fit::scale_and_min(values, MAX_NUMBER, 0.0);
        (scale, -min)
    });
}

/// `range` gives a group's step, and how far it reaches below zero.
fn encode_by(values: &[f32; LEN], block: &mut [u8; 84], range: impl Fn(&[f32; GROUP]) -> (f32, f32)) {
    block.fill(0);
    let groups = values.as_chunks::<GROUP>().0;
    let ranges: [(f32, f32); GROUPS] = std::array::from_fn(|group| range(&groups[group]));
    let d = put_half(block, D, ranges.iter().fold(0.0, |top, range| range.0.max(top)) / MAX_SCALE);
    let dmin = put_half(block, DMIN, ranges.iter().fold(0.0, |top, range| range.1.max(top)) / MAX_SCALE);
    let four_bits = |ratio: f32| ratio.round_ties_even().clamp(0.0, MAX_SCALE) as u8;
    for (group, (scale, depth)) in ranges.into_iter().enumerate() {
        let (scale, min) = (four_bits(scale * inverse(d)), four_bits(depth * inverse(dmin)));
        block[group] = scale | min << 4;
        let (step, min) = (inverse(d * f32::from(scale)), dmin * f32::from(min));
        for (l, value) in groups[group].iter().enumerate() {
            let (byte, shift) = place(group * GROUP + l);
            block[byte] |= (((value + min) * step).round_ties_even().clamp(0.0, MAX_NUMBER) as u8) << shift;
        }
    }
}
