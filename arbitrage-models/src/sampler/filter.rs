//! The filters: which tokens may be sampled, and with what weight.

use super::Sampling;
use crate::math::exp;

/// The tokens that the filters keep, by ascending id, with weights relative to the likeliest (whose weight is 1).
///
/// `max` is the greatest of the `logits`, all of which are finite; the temperature must not be 0.
pub(super) fn weights(logits: &[f32], max: f32, sampling: &Sampling) -> Vec<(u32, f32)> {
    let inverse = 1.0 / sampling.temperature;
    let weigh = |(id, &logit): (usize, &f32)| (id as u32, exp((logit - max) * inverse));
    let mut kept: Vec<(u32, f32)> = logits.iter().enumerate().map(weigh).filter(|(_, weight)| *weight > 0.0).collect();
    if sampling.top_k > 0 && sampling.top_k < kept.len() {
        kept.select_nth_unstable_by(sampling.top_k - 1, likelier);
        kept.truncate(sampling.top_k);
    }
    if sampling.top_p < 1.0 {
        keep_top_p(&mut kept, f64::from(sampling.top_p));
    }
    kept.retain(|(_, weight)| *weight >= sampling.min_p);
    kept.sort_unstable_by_key(|(id, _)| *id);
    kept
}

/// Orders the likelier token first, and equally likely ones by id.
fn likelier(a: &(u32, f32), b: &(u32, f32)) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// Keeps the smallest set of the likeliest tokens whose weights sum to at least a share `top_p` of the total. A few tokens are
/// usually enough, so growing numbers of the likeliest are sorted instead of all.
fn keep_top_p(kept: &mut Vec<(u32, f32)>, top_p: f64) {
    let needed = top_p * kept.iter().map(|(_, weight)| f64::from(*weight)).sum::<f64>();
    let mut sorted = 0;
    let mut sum = 0.0;
    while sorted < kept.len() {
        let next = (sorted * 8).max(64).min(kept.len());
        if next < kept.len() {
            kept[sorted..].select_nth_unstable_by(next - sorted - 1, likelier);
        }
        kept[sorted..next].sort_unstable_by(likelier);
        for at in sorted..next {
            sum += f64::from(kept[at].1);
            if sum >= needed {
                kept.truncate(at + 1);
                return;
            }
        }
        sorted = next;
    }
}
