//! Softmax of a row of scores.

use super::super::isa::LANES;
use crate::math::exp;

/// Scores that are made weights side by side, enough for the widest vectors.
const SIDE_BY_SIDE: usize = 2 * LANES;

/// Makes scores weights, relative to the greatest, and returns their sum. NaN stays NaN. Plain loops over lanes, which become
/// vector instructions. Score `i` is added to partial sum `i % 8`, whatever the width of vectors.
#[inline(always)]
pub(super) fn softmax(scores: &mut [f32]) -> f32 {
    let most = greatest(scores);
    let mut sums = [0.0f32; LANES];
    let (chunks, rest) = scores.as_chunks_mut::<SIDE_BY_SIDE>();
    for chunk in chunks {
        for score in chunk.iter_mut() {
            *score = weight(*score, most);
        }
        for weights in chunk.as_chunks::<LANES>().0 {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += weight;
            }
        }
    }
    for (i, score) in rest.iter_mut().enumerate() {
        *score = weight(*score, most);
        sums[i % LANES] += *score;
    }
    sums.iter().sum()
}

#[inline(always)]
fn weight(score: f32, most: f32) -> f32 {
    let probe = score * 0.0; // NaN where the score is not finite: `exp` would make it 0
    exp(score - most) + probe
}

#[inline(always)]
fn greatest(scores: &[f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; SIDE_BY_SIDE];
    let (chunks, rest) = scores.as_chunks::<SIDE_BY_SIDE>();
    for chunk in chunks {
        for (most, &score) in most.iter_mut().zip(chunk) {
            *most = if score > *most { score } else { *most };
        }
    }
    most.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}
