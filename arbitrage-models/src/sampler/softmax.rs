//! The likeliest token and the normaliser of the softmax, which are computed for every token over up to 152,000 logits.
//!
//! There are two passes of plain loops over independent lanes, which the compiler turns into vector instructions. The first finds
//! the maximum and whether all logits are finite, the second sums the exponentials. A single pass would have to rescale its sum
//! at every new maximum, and is slower.

use crate::math::{MIN_EXPONENT, exp};

const LANES: usize = 16;
/// Sums over blocks of this many logits are in single precision; the blocks are added in double precision.
const BLOCK: usize = 2048;

/// The likeliest token and the normaliser of a distribution.
#[derive(Debug, Clone, Copy)]
pub(super) struct SoftmaxSummary {
    /// The lowest id of the greatest logit.
    pub best: u32,
    pub max: f32,
    /// Logarithm of the sum of `exp(logit - max)`.
    log_sum: f64,
}

impl SoftmaxSummary {
    /// `logits` must not be empty.
    ///
    /// # Errors
    /// The index of the first logit that is not finite.
    pub(super) fn of(logits: &[f32]) -> Result<Self, usize> {
        let Some(max) = finite_max(logits) else {
            return Err(logits.iter().position(|x| !x.is_finite()).unwrap_or(0));
        };
        let best = logits.iter().position(|&x| x == max).unwrap_or(0) as u32;
        let total = sum(logits, |x| exp(x - max));
        Ok(Self { best, max, log_sum: total.ln() })
    }

    pub(super) fn logprob(&self, logit: f32) -> f32 {
        ((f64::from(logit) - f64::from(self.max)) - self.log_sum).min(0.0) as f32
    }
}

/// Entropy in nats: `log Σ eˣ − Σ x eˣ / Σ eˣ`, with `x = logit − max`.
pub(super) fn entropy(logits: &[f32], summary: &SoftmaxSummary) -> f32 {
    let weighted = sum(logits, |x| {
        let x = x - summary.max;
        x.max(MIN_EXPONENT) * exp(x)
    });
    (summary.log_sum - weighted / summary.log_sum.exp()).max(0.0) as f32
}

/// The maximum, or `None` when a logit is NaN or infinite. This is detected by summing `0 · x`, which is 0 for finite numbers and
/// NaN for all others.
fn finite_max(logits: &[f32]) -> Option<f32> {
    let (chunks, rest) = logits.as_chunks::<LANES>();
    let (mut max, mut probe) = ([f32::NEG_INFINITY; LANES], [0.0_f32; LANES]);
    for chunk in chunks {
        for lane in 0..LANES {
            max[lane] = if chunk[lane] > max[lane] { chunk[lane] } else { max[lane] };
            probe[lane] += chunk[lane] * 0.0;
        }
    }
    let max = max.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max);
    let probe: f32 = probe.iter().sum::<f32>() + rest.iter().map(|x| x * 0.0).sum::<f32>();
    (probe == 0.0).then_some(max)
}

fn sum(logits: &[f32], term: impl Fn(f32) -> f32) -> f64 {
    let block = |block: &[f32]| {
        let (chunks, rest) = block.as_chunks::<LANES>();
        let mut lanes = [0.0_f32; LANES];
        for chunk in chunks {
            for lane in 0..LANES {
                lanes[lane] += term(chunk[lane]);
            }
        }
        lanes.iter().map(|&x| f64::from(x)).sum::<f64>() + rest.iter().map(|&x| f64::from(term(x))).sum::<f64>()
    };
    logits.chunks(BLOCK).map(block).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_agree_with_double_precision() {
        let logits: Vec<f32> = (0..152_064).map(|i| ((i * 7919) % 10_007) as f32 / 400.0 - 9.0).collect();
        let summary = SoftmaxSummary::of(&logits).unwrap();
        let max = f64::from(summary.max);
        let total: f64 = logits.iter().map(|&x| (f64::from(x) - max).exp()).sum();
        assert!((summary.log_sum - total.ln()).abs() < 1e-6);
        let exact: f64 = logits.iter().map(|&x| (f64::from(x) - max).exp() / total).map(|p| -p * p.ln()).sum();
        assert!((f64::from(entropy(&logits, &summary)) - exact).abs() < 1e-5);
    }
}
