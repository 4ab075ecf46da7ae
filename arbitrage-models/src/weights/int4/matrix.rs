//! One quantised matrix: its numbers, zeros and scales, and its repacking in blocks of 32.

use std::thread;

use half::f16;

use super::settings::Int4Method;
use crate::weights::{DType, RepackedTensor};

/// Numbers of a word.
pub(super) const WORD: usize = 8;
/// Columns of a block.
pub(super) const BLOCK: usize = 32;
/// Rows that are repacked together: their numbers of one input lie in one cache line.
const STRIP: usize = 16;
/// The zero of symmetric quantisation, which Q4_0 has.
const MIDDLE: u8 = 8;
/// Where each of eight outputs lies in a word of AWQ.
const AWQ_PLACES: [usize; WORD] = [0, 4, 1, 5, 2, 6, 3, 7];

/// A matrix `[out, in]`, whose tensors have the shapes that belong together.
pub(super) struct Int4Matrix<'a> {
    pub method: Int4Method,
    pub out: usize,
    pub inputs: usize,
    pub numbers: &'a [[u8; 4]],
    pub zeros: &'a [[u8; 4]],
    /// `[groups, out]`.
    pub scales: Vec<f32>,
    /// The columns, group by group: blocks of 32 never span two groups.
    pub columns: Vec<u32>,
    /// The group of each column.
    pub groups: Vec<u32>,
}

impl Int4Matrix<'_> {
    fn number(&self, row: usize, column: usize) -> u8 {
        let (word, place) = match self.method {
            Int4Method::Gptq { .. } => (column / WORD * self.out + row, column % WORD),
            Int4Method::Awq => (column * (self.out / WORD) + row / WORD, AWQ_PLACES[row % WORD]),
        };
        nibble(self.numbers[word], place)
    }

    fn zero(&self, group: usize, row: usize) -> u8 {
        let word = self.zeros[group * (self.out / WORD) + row / WORD];
        match self.method {
            Int4Method::Gptq { zero_offset } => nibble(word, row % WORD) + zero_offset,
            Int4Method::Awq => nibble(word, AWQ_PLACES[row % WORD]),
        }
    }

    fn scale(&self, group: usize, row: usize) -> f32 {
        self.scales[group * self.out + row]
    }

    /// Whether every zero is in the middle.
    fn is_symmetric(&self) -> bool {
        let groups = self.scales.len() / self.out;
        (0..groups).all(|group| (0..self.out).all(|row| self.zero(group, row) == MIDDLE))
    }

    /// The format of its blocks.
    pub(super) fn dtype(&self) -> DType {
        if self.is_symmetric() { DType::Q4_0 } else { DType::Int4 }
    }

    /// Whether its columns are stored in the model's order.
    pub(super) fn is_in_order(&self) -> bool {
        self.columns.iter().enumerate().all(|(at, &column)| at == column as usize)
    }

    /// All weights, in the order of the model's columns.
    pub(super) fn dequantised(&self) -> Vec<f32> {
        let weight = |row: usize, column: usize| {
            let group = self.groups[column] as usize;
            self.scale(group, row) * (f32::from(self.number(row, column)) - f32::from(self.zero(group, row)))
        };
        (0..self.out).flat_map(|row| (0..self.inputs).map(move |column| weight(row, column))).collect()
    }

    /// The matrix in blocks, on all processors.
    pub(super) fn repack(self) -> RepackedTensor {
        let dtype = self.dtype();
        let row_bytes = self.inputs / BLOCK * dtype.block_bytes();
        let mut bytes = vec![0; self.out * row_bytes];
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let rows = self.out.div_ceil(STRIP).div_ceil(threads) * STRIP;
        thread::scope(|scope| {
            for (part, bytes) in bytes.chunks_mut(rows * row_bytes).enumerate() {
                let this = &self;
                scope.spawn(move || this.repack_rows(dtype, part * rows, row_bytes, bytes));
            }
        });
        let columns = (!self.is_in_order()).then_some(self.columns);
        RepackedTensor { dtype, shape: vec![self.out, self.inputs], bytes, columns }
    }

    /// Writes the rows from `first` on, a strip of rows after the other and a block of columns of all rows of a strip after the other.
    fn repack_rows(&self, dtype: DType, first: usize, row_bytes: usize, bytes: &mut [u8]) {
        for (strip, rows) in bytes.chunks_mut(STRIP * row_bytes).enumerate() {
            for block in 0..self.inputs / BLOCK {
                for (at, row) in rows.chunks_exact_mut(row_bytes).enumerate() {
                    let out = &mut row[block * dtype.block_bytes()..][..dtype.block_bytes()];
                    self.block(dtype, first + strip * STRIP + at, &self.columns[block * BLOCK..][..BLOCK], out);
                }
            }
        }
    }

    /// Writes the block of 32 columns of one group.
    fn block(&self, dtype: DType, row: usize, columns: &[u32], out: &mut [u8]) {
        let group = self.groups[columns[0] as usize] as usize;
        let scale = f16::from_f32(self.scale(group, row));
        out[..2].copy_from_slice(&scale.to_le_bytes());
        let nibbles = if dtype == DType::Int4 {
            let zero = f16::from_f32(f32::from(self.zero(group, row)));
            out[2..4].copy_from_slice(&zero.to_le_bytes());
            &mut out[4..]
        } else {
            &mut out[2..]
        };
        let (low, high) = columns.split_at(BLOCK / 2);
        for ((byte, low), high) in nibbles.iter_mut().zip(low).zip(high) {
            *byte = self.number(row, *low as usize) | self.number(row, *high as usize) << 4;
        }
    }
}

fn nibble(word: [u8; 4], place: usize) -> u8 {
    word[place / 2] >> (place % 2 * 4) & 15
}
