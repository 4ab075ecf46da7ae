//! Scales of the least squared error, by a search over a few steps and a least-squares fit to the numbers that each gives.
//!
//! A block's largest value determines its step when the full range is kept; with only 16 numbers it pays to clip it. The search is that
//! of ggml's `make_qx_quants` and `make_qkx2_quants` (`ggml-quants.c`) without weights. Every step has a vector lane of its own, so that
//! all are tried at once, and sums have the same order on every machine.

use half::f16;

use super::inverse;

/// Steps that are tried at once.
const LANES: usize = 8;
/// Steps relative to the one whose range exactly holds the block. Finer or wider ones lower the error of real weights by less
/// than 0.3%.
pub(super) const STEPS: [f32; LANES] = [0.7, 0.765, 0.83, 0.885, 0.94, 1.0, 1.06, 1.13];

/// A number for each step.
type Lanes = [f32; LANES];

/// The scale, in half precision, of a format whose numbers run from `−half` to `half − 1`; negative where the largest value is
/// positive, so that this value falls on the side with one number more. Its error is never above that of the full range's scale.
pub(super) fn scale<const N: usize>(values: &[f32; N], half: f32) -> f32 {
    let whole = super::largest_magnitude(values) / -half;
    let Sums { squares, products, .. } = sums(values, 0.0, STEPS.map(|step| 1.0 / (whole * step)), -half, half - 1.0);
    let (mut best, mut scale) = (0.0, whole);
    for (products, squares) in products.into_iter().zip(squares) {
        // The best scale for these numbers, and how much of the values' squares it explains.
        let fit = products / squares;
        if products * fit > best {
            (best, scale) = (products * fit, fit);
        }
    }
    let [scale, whole] = [scale, whole].map(|scale| f16::from_f32(scale).to_f32());
    let error = |scale| {
        let inverse = inverse(scale);
        let rounded = values.map(|value| nearest(value * inverse, -half, half - 1.0) * scale);
        squared_error(values, &rounded)
    };
    if error(whole) < error(scale) { whole } else { scale }
}

/// The numbers from `low` to `high`, less `low`, that are nearest to `values · inverse`; at most 256 of them.
pub(super) fn numbers<const N: usize>(values: &[f32; N], inverse: f32, low: f32, high: f32) -> [u8; N] {
    values.map(|value| (nearest(value * inverse, low, high) - low + ROUND).to_bits() as u8)
}

/// Scale and minimum of a format whose numbers run from 0 to `max_number`: `value ≈ scale · q + min`, with `min ≤ max_min`.
pub(super) fn scale_and_min<const N: usize>(values: &[f32; N], max_number: f32, max_min: f32) -> (f32, f32) {
    let low = values.iter().copied().fold(max_min, f32::min);
    let high = values.iter().copied().fold(low, f32::max);
    let whole = (high - low) / max_number;
    let sums = sums(values, low, STEPS.map(|step| 1.0 / (whole * step)), 0.0, max_number);
    let total: f32 = values.iter().sum();
    let (mut best, mut found) = (f32::INFINITY, (whole, low));
    for lane in 0..LANES {
        let (numbers, squares, products) = (sums.numbers[lane], sums.squares[lane], sums.products[lane]);
        let (scale, min) = line(N, numbers, squares, products, total, max_min);
        // The squared error without the sum of the values' squares, which is the same for all lanes.
        let error = scale * (scale * squares + 2.0 * (min * numbers - products)) + min * (N as f32 * min - 2.0 * total);
        if scale > 0.0 && error < best {
            (best, found) = (error, (scale, min));
        }
    }
    found
}

/// The least-squares line through the numbers, or through the origin where its minimum would exceed `max_min`.
fn line(count: usize, numbers: f32, squares: f32, products: f32, total: f32, max_min: f32) -> (f32, f32) {
    let count = count as f32;
    let spread = count * squares - numbers * numbers;
    let scale = (count * products - total * numbers) / spread;
    let min = (squares * total - numbers * products) / spread;
    if min <= max_min { (scale, min) } else { (products / squares, 0.0) }
}

/// Sums of `q`, `q²` and `value · q` for every step.
struct Sums {
    numbers: Lanes,
    squares: Lanes,
    products: Lanes,
}

/// The sums for every step, where `q` is the integer from `low` to `high` that is nearest to `(value − origin) · inverse`. The search
/// takes most of the time of a requantisation, so it is also compiled for AVX2. No product is fused with a sum, so the results are equal
/// to the last bit.
fn sums(values: &[f32], origin: f32, inverses: Lanes, low: f32, high: f32) -> Sums {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn avx2(values: &[f32], origin: f32, inverses: Lanes, low: f32, high: f32) -> Sums {
            sums_in_lanes(values, origin, inverses, low, high)
        }
        // SAFETY: the processor has AVX2, as was just checked, and the function needs nothing else.
        return unsafe { avx2(values, origin, inverses, low, high) };
    }
    sums_in_lanes(values, origin, inverses, low, high)
}

#[inline(always)]
fn sums_in_lanes(values: &[f32], origin: f32, inverses: Lanes, low: f32, high: f32) -> Sums {
    let (mut numbers, mut squares, mut products) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for &value in values {
        let distance = value - origin;
        for lane in 0..LANES {
            let q = nearest(distance * inverses[lane], low, high);
            numbers[lane] += q;
            squares[lane] += q * q;
            products[lane] += value * q;
        }
    }
    Sums { numbers, squares, products }
}

/// 1.5 · 2²³: adding and subtracting it rounds to the nearest integer, ties to even, which then is in the sum's lowest bits.
const ROUND: f32 = 12_582_912.0;

/// The integer from `low` to `high` that is nearest to `value`.
#[inline(always)]
fn nearest(value: f32, low: f32, high: f32) -> f32 {
    let q = (value + ROUND) - ROUND; // `round` is a call without SSE4.1
    // Comparisons rather than `clamp`: one instruction each, and they also replace the NaN that a block of zeros gives.
    let q = if q > low { q } else { low };
    if q < high { q } else { high }
}

/// The squared distance of two blocks.
pub(super) fn squared_error(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            sums[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::weights::{DType, dequantize_row, fit_row, quantize_row};

    /// Squared error of `values` packed by `pack`.
    fn error(pack: fn(DType, &[f32], &mut [u8]) -> crate::Result<()>, dtype: DType, values: &[f32]) -> f64 {
        let mut bytes = vec![0; dtype.row_bytes(values.len()).unwrap()];
        let mut stored = vec![0.0; values.len()];
        pack(dtype, values, &mut bytes).unwrap();
        dequantize_row(dtype, &bytes, &mut stored).unwrap();
        values.iter().zip(&stored).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    }

    /// Approximately normal: the sum of twelve uniform numbers.
    fn normal(seed: u64, count: usize) -> Vec<f32> {
        let mut draw = arbitrage_core::Draw::new(seed);
        (0..count).map(|_| (0..12).map(|_| draw.uniform()).sum::<f64>() as f32 - 6.0).collect()
    }

    proptest! {
        #[test]
        fn a_search_is_never_worse_than_the_whole_range(
            dtype in prop::sample::select(DType::ALL.to_vec()),
            values in prop::collection::vec(
                prop_oneof![-1.0f32..1.0, Just(0.0), -65504.0f32..65504.0, -1e-6f32..1e-6, Just(0.25)], 256),
        ) {
            let (searched, plain) = (error(fit_row, dtype, &values), error(quantize_row, dtype, &values));
            prop_assert!(searched <= plain * (1.0 + 1e-5), "{dtype}: {searched} and {plain}");
        }
    }

    #[test]
    fn a_search_lowers_the_error_of_normal_weights() {
        let values = normal(5, 256 * 64);
        for dtype in DType::ALL.into_iter().filter(|dtype| dtype.bits() <= 5.0) {
            let (searched, plain) = (error(fit_row, dtype, &values), error(quantize_row, dtype, &values));
            // A zero that is a whole number leaves the search little room.
            let most = if dtype == DType::Int4 { 0.98 } else { 0.95 };
            assert!(searched < most * plain, "{dtype}: {searched} and {plain}");
        }
    }

    #[test]
    fn blocks_of_equal_values_and_of_zeros_are_kept() {
        for dtype in DType::ALL {
            for value in [0.0, 0.5, -2.0] {
                let mut worst = vec![value; 256];
                worst[..32].fill(0.0);
                assert!(error(fit_row, dtype, &worst) <= 1e-4, "{dtype} {value}");
            }
        }
    }
}
