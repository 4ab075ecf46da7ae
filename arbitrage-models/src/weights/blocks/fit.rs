//! Scales of the least squared error, by a search over a few steps and a least-squares fit to the numbers that each gives.
//!
//! A block's largest value decides its step when the whole range is kept; with 8 or 16 steps it pays to cut it. The search is
//! that of ggml's `make_qx_quants` and `make_qkx2_quants` (`ggml-quants.c`) without weights. Sums run in lanes, so that the
//! compiler vectorises them without changing a bit.

/// Values of a block.
const LEN: usize = 32;
/// Partial sums.
const LANES: usize = 8;
/// Steps that are tried, relative to the one whose range just holds the block. Finer or wider ones lower the error of real
/// weights by less than 0.2%.
const STEPS: [f32; 10] = [0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15];

/// The scale of a format whose numbers run from `−half` to `half − 1`; negative where the largest value is positive, which
/// so meets the longer side.
pub(super) fn scale(values: &[f32; LEN], half: f32) -> f32 {
    let whole = super::extreme(values) / -half;
    if whole == 0.0 {
        return 0.0;
    }
    let (mut best, mut scale) = (0.0, whole);
    for step in STEPS {
        let (products, squares) = levels(values, half, 1.0 / (whole * step));
        // Explained by the best scale for these numbers, which is products / squares.
        let explained = products * products / squares;
        if explained > best {
            (best, scale) = (explained, products / squares);
        }
    }
    let (products, squares) = levels(values, half, 1.0 / scale);
    if squares > 0.0 { products / squares } else { scale }
}

/// Sums of `value · q` and of `q²`, with `q` the nearest number of the format to `value · inverse`.
fn levels(values: &[f32; LEN], half: f32, inverse: f32) -> (f32, f32) {
    let (mut products, mut squares) = ([0.0f32; LANES], [0.0f32; LANES]);
    for values in values.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            let q = round(values[lane] * inverse).max(-half).min(half - 1.0);
            products[lane] += values[lane] * q;
            squares[lane] += q * q;
        }
    }
    (products.iter().sum(), squares.iter().sum())
}

/// Scale and minimum of a format whose numbers run from 0 to `most`: `value ≈ scale · q + min`, with `min ≤ highest`.
pub(super) fn scale_and_min(values: &[f32; LEN], most: f32, highest: f32) -> (f32, f32) {
    let low = values.iter().copied().fold(highest, f32::min);
    let high = values.iter().copied().fold(low, f32::max);
    let whole = (high - low) / most;
    let total: f32 = values.iter().sum();
    let (mut best, mut found) = (f32::INFINITY, (whole, low));
    if whole == 0.0 {
        return found;
    }
    for step in STEPS {
        let sums = affine_levels(values, most, low, 1.0 / (whole * step));
        let (scale, min) = line(sums, total, highest);
        let error = scale * scale * sums.squares + 2.0 * scale * min * sums.numbers + LEN as f32 * min * min
            - 2.0 * (scale * sums.products + min * total);
        if scale > 0.0 && error < best {
            (best, found) = (error, (scale, min));
        }
    }
    found
}

/// Sums of `q`, `q²` and `value · q`.
#[derive(Clone, Copy)]
struct Sums {
    numbers: f32,
    squares: f32,
    products: f32,
}

fn affine_levels(values: &[f32; LEN], most: f32, low: f32, inverse: f32) -> Sums {
    let mut sums = [[0.0f32; LANES]; 3];
    for values in values.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            let q = round((values[lane] - low) * inverse).max(0.0).min(most);
            sums[0][lane] += q;
            sums[1][lane] += q * q;
            sums[2][lane] += values[lane] * q;
        }
    }
    let [numbers, squares, products] = sums.map(|lanes| lanes.iter().sum());
    Sums { numbers, squares, products }
}

/// The least-squares line through the numbers, or through the origin where its minimum would exceed `highest`.
fn line(sums: Sums, total: f32, highest: f32) -> (f32, f32) {
    let count = LEN as f32;
    let spread = count * sums.squares - sums.numbers * sums.numbers;
    let scale = (count * sums.products - total * sums.numbers) / spread;
    let min = (sums.squares * total - sums.numbers * sums.products) / spread;
    if min <= highest { (scale, min) } else { (sums.products / sums.squares, 0.0) }
}

/// Nearest integer, ties to even, of a number below 2²². `round` is a call without SSE4.1.
#[inline(always)]
fn round(value: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³
    (value + ROUND) - ROUND
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

    /// About normal: the sum of twelve uniform numbers.
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
    fn a_search_pays_on_normal_weights() {
        let values = normal(5, 256 * 64);
        for dtype in DType::ALL.into_iter().filter(|dtype| dtype.bits() <= 5.0) {
            let (searched, plain) = (error(fit_row, dtype, &values), error(quantize_row, dtype, &values));
            assert!(searched < 0.95 * plain, "{dtype}: {searched} and {plain}");
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
