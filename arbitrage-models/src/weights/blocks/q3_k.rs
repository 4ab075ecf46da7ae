//! Q3_K: 3 bits a value, with a scale of 6 bits every 16. The layout is tabled in the parent module.

use super::{fit, half_at, inverse, largest_magnitude, put_half};

/// Values of a block.
const LEN: usize = 256;
/// Values of a group.
const GROUP: usize = 16;
const GROUPS: usize = LEN / GROUP;
const PAIRS: usize = 32;
const SCALES: usize = 96;
const D: usize = 108;

pub(super) fn decode(block: &[u8; 110], out: &mut [f32; LEN]) {
    let d = half_at(block, D);
    let scales = scales(&block[SCALES..D]);
    for (group, values) in out.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
        let scale = d * f32::from(scales[group]);
        for (l, value) in values.iter_mut().enumerate() {
            let at = Bits::of(group * GROUP + l);
            let q = block[at.pair] >> at.shift & 3 | (block[at.third] >> at.third_shift & 1) << 2;
            *value = scale * (f32::from(q) - 4.0);
        }
    }
}

/// The sixteen scales, from −32 to 31, out of the twelve bytes that hold them.
pub(crate) fn scales(packed: &[u8]) -> [i8; GROUPS] {
    std::array::from_fn(|group| {
        let low = packed[group % 8] >> (group / 8 * 4) & 15;
        let high = packed[8 + group % 4] >> (group / 4 * 2) & 3;
        (low | high << 4) as i8 - 32
    })
}

/// Where the bits of one value are.
struct Bits {
    pair: usize,
    shift: usize,
    third: usize,
    third_shift: usize,
}

impl Bits {
    fn of(value: usize) -> Self {
        Self {
            pair: PAIRS + value / 128 * 32 + value % 32,
            shift: value % 128 / 32 * 2,
            third: value % 32,
            third_shift: value / 32,
        }
    }
}

pub(super) fn encode(values: &[f32; LEN], block: &mut [u8; 110]) {
    encode_by(values, block, |values| largest_magnitude(values) / -4.0);
}

/// With the scale of the least squared error in each group, before it is rounded to six bits.
pub(super) fn fit(values: &[f32; LEN], block: &mut [u8; 110]) {
    encode_by(values, block, |values| fit::scale(values, 4.0));
}

fn encode_by(values: &[f32; LEN], block: &mut [u8; 110], scale: impl Fn(&[f32; GROUP]) -> f32) {
    block.fill(0);
    let groups = values.as_chunks::<GROUP>().0;
    let scales: [f32; GROUPS] = std::array::from_fn(|group| scale(&groups[group]));
    let d = put_half(block, D, largest_magnitude(&scales) / -32.0);
    for (group, scale) in scales.into_iter().enumerate() {
        let sc = (scale * inverse(d)).round_ties_even().clamp(-32.0, 31.0);
        let bits = (sc + 32.0) as u8;
        block[SCALES + group % 8] |= (bits & 15) << (group / 8 * 4);
        block[SCALES + 8 + group % 4] |= bits >> 4 << (group / 4 * 2);
        let step = inverse(d * sc);
        for (l, value) in groups[group].iter().enumerate() {
            let q = ((value * step).round_ties_even().clamp(-4.0, 3.0) + 4.0) as u8;
            let at = Bits::of(group * GROUP + l);
            block[at.pair] |= (q & 3) << at.shift;
            block[at.third] |= q >> 2 << at.third_shift;
        }
    }
}
