//! The likeliest token and the normaliser of the softmax, which are computed for every token over up to 152,000 logits.
//!
//! There are two passes of plain loops over independent lanes, which the compiler turns into vector instructions. The first finds
//! the maximum and whether all logits are finite, the second sums the exponentials. A single pass would have to rescale its sum
//! at every new maximum, and is slower.

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

/// Below this exponent, the exponential is taken as 0 (e⁻⁸⁷ is about the smallest normal number).
const MIN_EXPONENT: f32 = -87.0;

/// `eˣ` for `x ≤ 0`, within 2 units in the last place; 0 below −87. It uses Cody and Waite's reduction and Cephes' polynomial,
/// without branches, so that the compiler can vectorise it.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // 1.5 · 2²³: adding a small number to it rounds the number to an integer, which is in the lowest bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    let clamped = if x > MIN_EXPONENT { x } else { MIN_EXPONENT };
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (clamped - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let mantissa = (p * r) * r + r + 1.0;
    let scale = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    if x > MIN_EXPONENT { mantissa * scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_accurate() {
        for step in 0..=1_000_000 {
            let x = -87.0 * step as f32 / 1e6;
            let (ours, exact) = (f64::from(exp(x)), f64::from(x).exp());
            if x > MIN_EXPONENT {
                assert!((ours - exact).abs() <= 2.5e-7 * exact, "{x}: {ours} and {exact}");
            }
        }
        assert_eq!((exp(0.0), exp(-88.0), exp(f32::MIN)), (1.0, 0.0, 0.0));
    }

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
