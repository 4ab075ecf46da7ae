//! Functions that the kernels and the sampler share.

/// Below this exponent, the exponential is taken as 0 (e⁻⁸⁷ is about the smallest normal number).
pub(crate) const MIN_EXPONENT: f32 = -87.0;

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
}
