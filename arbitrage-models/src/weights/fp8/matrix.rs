//! A matrix of E4M3 with its scales.

use std::panic::resume_unwind;
use std::thread;

use half::bf16;

use super::e4m3::VALUES;

/// A matrix whose tensors fit each other.
#[derive(Debug)]
pub(super) struct Fp8Matrix<'a> {
    pub out: usize,
    pub inputs: usize,
    /// `[out, inputs]`.
    pub numbers: &'a [u8],
    /// Rows and columns that share a scale.
    pub block: [usize; 2],
    /// `[out / rows of a block, inputs / columns of a block]`, both rounded up.
    pub scales: Vec<f32>,
}

impl Fp8Matrix<'_> {
    /// The weights in BF16, on all processors.
    ///
    /// # Errors
    /// The flat index of a weight that is NaN or beyond BF16's range.
    pub(super) fn dequantised(&self) -> Result<Vec<u8>, usize> {
        let mut bytes = vec![0; 2 * self.numbers.len()];
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let rows = self.out.div_ceil(threads);
        let spoilt = thread::scope(|scope| {
            let parts = bytes.chunks_mut(2 * rows * self.inputs).enumerate();
            let threads: Vec<_> =
                parts.map(|(part, bytes)| scope.spawn(move || self.dequantise_rows(part * rows, bytes))).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).min()
        });
        spoilt.map_or(Ok(bytes), Err)
    }

    /// Writes the rows from `first` on, and returns the flat index of the first weight that is not finite.
    fn dequantise_rows(&self, first: usize, bytes: &mut [u8]) -> Option<usize> {
        let [block_rows, block_columns] = self.block;
        let mut spoilt = None;
        for (at, row_bytes) in bytes.chunks_exact_mut(2 * self.inputs).enumerate() {
            let row = first + at;
            let numbers = &self.numbers[row * self.inputs..][..self.inputs];
            let count = self.inputs.div_ceil(block_columns);
            let scales = &self.scales[row / block_rows * count..][..count];
            let blocks = numbers.chunks(block_columns).zip(row_bytes.chunks_mut(2 * block_columns));
            for ((numbers, bytes), &scale) in blocks.zip(scales) {
                for (number, bytes) in numbers.iter().zip(bytes.as_chunks_mut::<2>().0) {
                    *bytes = bf16::from_f32(VALUES[usize::from(*number)] * scale).to_le_bytes();
                }
            }
            let is_spoilt = |bytes: &[u8; 2]| !bf16::from_le_bytes(*bytes).is_finite();
            let column = row_bytes.as_chunks::<2>().0.iter().position(is_spoilt);
            spoilt = spoilt.or(column.map(|column| row * self.inputs + column));
        }
        spoilt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(numbers: &[u8], out: usize, block: [usize; 2], scales: Vec<f32>) -> Fp8Matrix<'_> {
        Fp8Matrix { out, inputs: numbers.len() / out, numbers, block, scales }
    }

    fn floats(bytes: &[u8]) -> Vec<f32> {
        bytes.as_chunks::<2>().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect()
    }

    #[test]
    fn each_weight_has_the_scale_of_its_block_and_the_last_blocks_may_be_smaller() {
        let ones = [0x38; 15]; // three rows of five
        let scales = vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
        let weights = matrix(&ones, 3, [2, 2], scales).dequantised().unwrap();
        let first = [1.0, 1.0, 2.0, 2.0, 4.0];
        assert_eq!(floats(&weights), [first, first, [8.0, 8.0, 16.0, 16.0, 32.0]].concat());
        // A block may be larger than the matrix.
        assert_eq!(floats(&matrix(&ones, 3, [128, 128], vec![0.5]).dequantised().unwrap()), [0.5; 15]);
    }

    #[test]
    fn products_are_rounded_to_the_nearest_and_ties_to_even() {
        // Numbers of BF16 from 1 on are 1/128 apart: two of the three lie in the middle between neighbours.
        let tie = 1.0 / 256.0;
        for (scale, expected) in
            [(1.0 + tie, 1.0), (1.0 + 1.01 * tie, 1.0 + 2.0 * tie), (1.0 + 3.0 * tie, 1.0 + 4.0 * tie)]
        {
            assert_eq!(floats(&matrix(&[0x38], 1, [1, 1], vec![scale]).dequantised().unwrap()), [expected]);
        }
    }

    #[test]
    fn a_weight_that_is_no_number_or_too_large_is_found() {
        let mut numbers = [0x7E; 4096];
        assert!(matrix(&numbers, 64, [64, 64], vec![1.0]).dequantised().is_ok());
        assert_eq!(matrix(&numbers, 64, [64, 64], vec![1e36]).dequantised(), Err(0));
        for (nan, at) in [(0xFF, 4095), (0x7F, 100)] {
            numbers[at] = nan;
            assert_eq!(matrix(&numbers, 64, [64, 64], vec![1.0]).dequantised(), Err(at));
        }
    }
}
